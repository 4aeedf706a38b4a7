"""Record events, acknowledge them, then work on them."""
