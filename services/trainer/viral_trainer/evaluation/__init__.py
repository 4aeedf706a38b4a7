"""Score models by kind of tweet."""
