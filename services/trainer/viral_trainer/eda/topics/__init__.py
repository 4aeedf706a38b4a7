"""Hold one file per topic of the report: its facts, its plot and its panels."""
