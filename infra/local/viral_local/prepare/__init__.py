"""Prepare servers: secrets, accounts and rights, tables, queues; again changes nothing."""
