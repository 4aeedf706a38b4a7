"""Break a running pipeline by a seeded schedule, and check what must hold: `make chaos`."""
