"""Answer predictions over HTTP with the promoted model, and show people what the pipeline does."""
