"""Do what the command line asks."""
