"""What a batch of tweets is like, as one HTML page: facts, plots of them, and what they say in a sentence."""
