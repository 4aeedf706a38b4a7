"""Answer one address each."""
