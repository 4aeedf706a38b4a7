"""Compare the product's recipe with simple rivals, on the same tweets of one file."""
