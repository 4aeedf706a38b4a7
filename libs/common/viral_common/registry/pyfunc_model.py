"""Predict inside `mlflow models serve`, which copies and runs this file, with the gateway's Predictor."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from viral_common.artefact.files import read_artefact
from viral_common.artefact.predictor import Predictor
from viral_common.tweets.features import TweetInput


class TweetVirality(PythonModel):  # type: ignore[misc]  # mlflow is untyped
    """Take rows of tweets and give `probability` and `viral`."""

    def load_context(self, context: Any) -> None:
        self._predictor = Predictor.load(read_artefact(Path(context.artifacts["artefact"])))

    # The names are MLflow's.
    def predict(
        self,
        context: Any,  # noqa: ARG002
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        rows = model_input.astype(object).where(model_input.notna(), None).to_dict("records")
        probabilities = self._predictor.predict([parse_tweet(row) for row in rows])
        viral = probabilities >= self._predictor.spec.decision_threshold
        return pd.DataFrame({"probability": probabilities, "viral": viral})


def parse_tweet(row: dict[str, Any]) -> TweetInput:
    """Parse a row into a tweet; what is missing counts as absent, a missing time as now."""
    created_at = datetime.fromisoformat(row["created_at"]) if row.get("created_at") else datetime.now(UTC)
    return TweetInput(
        text=row["text"],
        created_at=created_at if created_at.tzinfo else created_at.replace(tzinfo=UTC),
        photos_count=int(row.get("photos_count") or 0),
        has_video=bool(row.get("has_video")),
        is_quote_tweet=bool(row.get("is_quote_tweet")),
        username=row.get("username"),
    )


set_model(TweetVirality())
