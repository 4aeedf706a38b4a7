"""`viral-trainer compare`: the product's recipe beside simple rivals, on the same tweets of one file."""
