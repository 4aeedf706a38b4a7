"""The model card: what the model is, what it was made from, how good it is, and what it is not for."""

from __future__ import annotations

from viral_common.artefact import ArtefactSpec
from viral_common.training_summary import TrainingSummary

_SIMULATED = (
    "> **Simulated data.** A generator made the tweets up: the figures say nothing about real ones.\n\n"
)


def card(spec: ArtefactSpec) -> str:
    """README.md of the artefact, in the form that model hubs read."""
    training = spec.training
    return f"""---
language: en
license: mit
pipeline_tag: text-classification
base_model: {spec.base_model}
tags: [tweets, virality, onnx]
---
# Will this tweet get more than {spec.likes_threshold} likes?

{_SIMULATED if training.simulated else ""}A small BERT reads the text, a small network joins it with
{len(spec.features.names)} features of the tweet and its author; both are trained together. The output is a calibrated
probability.

## Made from

{_made_from(spec, training)}

## How good it is

On {training.validation_count:,} validation tweets, no copy of whose texts was trained on:

| metric | value |
|---|---|
{_metric_rows(training.metrics)}

The epoch, the temperature and the bias were chosen on these tweets, so expect a little less on new ones. The
evaluator's verdict in the registry gives the figures on tweets that nothing was chosen on.

## Features beside the text

{", ".join(f"`{name}`" for name in spec.features.names)}. Hours and days are UTC. Links and mentions are masked in
the text; at most {spec.max_tokens} tokens are read. The author's features tell of tweets posted before, and of their
likes only once those could be known; part of the training hides them, so a tweet may come without a username.

## Intended use and limits

- Meant for English original tweets (no replies, no retweets) on topics like those it was trained on.
- It knows neither followers nor what happens after posting: a probability, never a promise.
- Topics drift; a model older than a few batches should be retrained, which this product does by itself.
- Not for judging people, and not for deciding what may be said.
"""


def without_front_matter(card_text: str) -> str:
    """The card for a page that would show the YAML on top as text."""
    return card_text.split("---\n", 2)[2]


def _made_from(spec: ArtefactSpec, training: TrainingSummary) -> str:
    return "\n".join(
        [
            f"- Base model: `{spec.base_model}` ({spec.base_model_source})",
            f"- Source: `{training.source}`, {len(training.batch_ids)} batch(es)",
            f"- Tweets posted from {training.window_from:%Y-%m-%d %H:%M} to {training.window_to:%Y-%m-%d %H:%M} UTC",
            f"- {training.train_count:,} tweets to train on, {training.validation_count:,} to validate",
            f"- Share above the threshold: {training.viral_rate:.1%}",
            f"- Trained at {training.trained_at:%Y-%m-%d %H:%M} UTC for event `{training.event_id}`",
        ]
    )


def _metric_rows(metrics: dict[str, float]) -> str:
    return "\n".join(f"| {name} | {value:.4f} |" for name, value in sorted(metrics.items()))
