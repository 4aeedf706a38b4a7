"""Collect batches of tweets."""
