"""Call the gateway's API from Python: `pip install viral-tweets[client]`."""

from viral_client.client import Client
from viral_client.errors import FieldError, GatewayAway, GatewayError
from viral_client.models import (
    Author,
    Batch,
    Features,
    Model,
    ModelDetails,
    ModelVersion,
    Post,
    Prediction,
    Predictions,
    Promoted,
    Ranking,
    Readiness,
    Refused,
    Tweet,
    Verdict,
    WordWeight,
)

__all__ = [
    "Author",
    "Batch",
    "Client",
    "Features",
    "FieldError",
    "GatewayAway",
    "GatewayError",
    "Model",
    "ModelDetails",
    "ModelVersion",
    "Post",
    "Prediction",
    "Predictions",
    "Promoted",
    "Ranking",
    "Readiness",
    "Refused",
    "Tweet",
    "Verdict",
    "WordWeight",
]
