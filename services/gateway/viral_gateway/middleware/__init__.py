"""Treat every request and reply alike."""
