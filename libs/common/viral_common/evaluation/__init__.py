"""Score predictions and compare them."""
