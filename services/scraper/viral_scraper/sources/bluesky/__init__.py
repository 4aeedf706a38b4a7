"""Receive Bluesky's public posts and their likes as they happen."""
