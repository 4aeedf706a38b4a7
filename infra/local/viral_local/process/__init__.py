"""Start and supervise processes."""
