"""One router for each part of the API, and the pages."""
