"""The Python client without a network."""
