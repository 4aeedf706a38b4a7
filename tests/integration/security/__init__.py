"""Attack running servers as each account may be attacked from."""
