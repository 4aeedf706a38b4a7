"""Collect tweets from one place or another."""
