"""Search for settings that train a better model: `viral-trainer tune`."""
