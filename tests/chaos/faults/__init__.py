"""Bring about each kind of fault, and take it back."""
