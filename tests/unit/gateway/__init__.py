"""The gateway without servers: a fake model, fake records, the real application."""
