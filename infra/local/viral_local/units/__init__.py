"""Write systemd units for hosts without containers."""
