"""The scraper: tweets from a source, filtered, sampled into batches, stored, announced."""
