"""Read and write Postgres."""
