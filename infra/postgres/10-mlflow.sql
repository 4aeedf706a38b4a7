-- MLflow keeps its runs and versions beside the pipeline's database, in one of its own.
CREATE DATABASE mlflow;
