"""Search X through its official API, within a budget."""
