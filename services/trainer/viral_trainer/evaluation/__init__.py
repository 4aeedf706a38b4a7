"""Assess models beyond one figure."""
