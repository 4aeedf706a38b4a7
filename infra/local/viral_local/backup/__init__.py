"""Store what cannot be made anew in a folder, restore it, and upgrade it."""
