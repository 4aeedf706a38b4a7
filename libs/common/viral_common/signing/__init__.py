"""Sign models and promotions, and check who signed them."""
