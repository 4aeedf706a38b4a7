"""Show pages to people."""
