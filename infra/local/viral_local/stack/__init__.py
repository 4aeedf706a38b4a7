"""Plan, start and stop the one-machine stack."""
