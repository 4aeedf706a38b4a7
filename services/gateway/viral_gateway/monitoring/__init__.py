"""Watch what is predicted."""
