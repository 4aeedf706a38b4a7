"""Build, export and describe the network."""
