"""A gateway process against real Postgres, RabbitMQ and MLflow."""
