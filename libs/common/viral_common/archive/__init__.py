"""Read files of tweets, whatever wrote them."""
