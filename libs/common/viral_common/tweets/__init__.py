"""Say what a tweet is, and what its features are."""
