"""Collect tweets from a source: filter, sample, store and announce them in batches."""
