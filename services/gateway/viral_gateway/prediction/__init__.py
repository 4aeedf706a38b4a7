"""Turn tweets into probabilities."""
