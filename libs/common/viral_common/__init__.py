"""What the four services share: events, delivery, the database, tweets, features, the model artefact."""
