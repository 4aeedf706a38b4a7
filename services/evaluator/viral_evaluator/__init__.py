"""Scores each challenger against the champion on tweets neither has seen, and promotes the better."""
