"""Train on a batch."""
