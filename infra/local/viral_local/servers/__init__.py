"""Run Postgres, RabbitMQ, MLflow and the services."""
