"""Connect to Postgres; hold its tables and migrations."""
