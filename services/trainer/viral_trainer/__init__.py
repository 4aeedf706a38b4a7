"""Retrain the model on each collected batch and register it as the challenger."""
