"""Read and run the artefact that is scored and served."""
