"""Facts and plots as panels of the page: each says in a sentence what it shows and has its figures in a table."""
