"""The gateway: answers predictions over HTTP with the promoted model, and shows people what the pipeline does."""
