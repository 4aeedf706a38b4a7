"""What the gateway is measured against: `python -m tests.bench.gateway_rivals flask|pipeline PORT FOLDER`.

Both answer with a BERT of the same size in torch, in the plain way that their makers' tutorials teach.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tests.bench.tweets import untrained_model


class Tweet(BaseModel):
    text: str


class Asked(BaseModel):
    tweets: list[Tweet]


def serve_flask(port: int) -> None:
    """As a student would write it: the network in the process, one row a call, Flask's own server."""
    from flask import Flask, Response, jsonify, request
    from viral_common.tweets.features import TweetInput, compute_features

    model = untrained_model(layers=None)
    app = Flask(__name__)

    @app.post("/v1/predictions")
    def predict() -> Response:
        tweets = [TweetInput(tweet["text"], datetime.now(UTC)) for tweet in request.get_json()["tweets"]]
        probabilities = model.predict(tweets)
        return jsonify(
            predictions=[
                {"probability": float(one), "viral": bool(one >= 0.5), "features": compute_features(tweet)}
                for one, tweet in zip(probabilities, tweets, strict=True)
            ]
        )

    app.run(port=port)


def serve_pipeline(port: int, folder: Path) -> None:
    """FastAPI with a transformers text-classification pipeline, served by uvicorn."""
    import uvicorn
    from fastapi import FastAPI
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast, pipeline

    made = untrained_model(layers=None)
    config = BertConfig.from_dict(made.network.encoder.config.to_dict())
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made.tokenizer, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )
    tokenizer.model_max_length = made.max_tokens
    tokenizer.save_pretrained(folder)
    classify: Any = pipeline("text-classification", model=str(folder), truncation=True)
    app = FastAPI()

    @app.post("/v1/predictions")
    def predict(asked: Asked) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = classify([tweet.text for tweet in asked.tweets])
        return answers

    uvicorn.run(app, port=port, log_level="warning")


if __name__ == "__main__":
    name, port, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    if name == "flask":
        serve_flask(port)
    else:
        serve_pipeline(port, folder)
