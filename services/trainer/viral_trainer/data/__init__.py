"""Read the tweets to train on."""
