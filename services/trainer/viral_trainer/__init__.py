"""Retrains the model on each collected batch and registers it as the challenger."""
