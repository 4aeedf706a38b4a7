"""Read files of tweets as an archive that is sorted by time once."""
