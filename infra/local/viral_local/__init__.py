"""Run the one-machine stack: Postgres, a private RabbitMQ node, MLflow and the four services, under one supervisor."""
