"""Share between the four services: events, delivery, the database, tweets, features, the model artefact."""
