"""Score each challenger against the champion on tweets neither has seen, and promote the better."""
