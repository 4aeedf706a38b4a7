"""Simulate authors and topics whose tweets get likes by a law that is written down."""
