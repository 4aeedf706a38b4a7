"""Describe a batch of tweets as one HTML page."""
