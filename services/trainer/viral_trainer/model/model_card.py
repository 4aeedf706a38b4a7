"""The model card: what the model is, what it was made from, how good it is, and what it is not for.

Made from the run alone; no tweet's text comes near it.
"""

from __future__ import annotations

import json

from viral_common.artefact.files import DECISION_THRESHOLD, ArtefactSpec
from viral_common.artefact.training_summary import TrainingSummary

from viral_trainer.model.model_card_tables import metrics_table, reliability_section, slices_section

_SIMULATED = (
    "> **Simulated data.** A generator made the tweets up: the figures say nothing about real ones.\n\n"
)


def render_card(spec: ArtefactSpec) -> str:
    """README.md of the artefact, in the form that model hubs read."""
    training = spec.training
    warning = _SIMULATED if training.simulated else ""
    return f"""---
language: en
license: mit
pipeline_tag: text-classification
base_model: {json.dumps(spec.base_model)}
tags: [tweets, virality, onnx]
---
# Will this tweet get {_goal(spec)}?

{warning}A small BERT and a table of neighbouring tokens read the text, a small network joins them with
{len(spec.features.names)} features of the tweet and its author; all are trained together. The output is a
calibrated probability.

## Made from

{_made_from(spec, training)}

## How good it is

On {training.validation_count:,} validation tweets, before they or copies of their texts were learned from:

{metrics_table(training.metrics)}

The epoch, the calibration and where "viral" begins were chosen on these tweets, so expect a little less on new ones.
The boosted trees, and in a small window the network, then learned from them, too.
The evaluator's verdict in the registry gives the figures on test tweets that nothing was chosen on.

{_called(spec)}
{slices_section(training.slices)}{reliability_section(training.reliability)}## Features beside the text

{", ".join(f"`{name}`" for name in spec.features.names)}. Hours and days are UTC. Links and mentions are masked in
the text; at most {spec.max_tokens} tokens are read. The author's features tell of tweets posted before, and of their
likes only once those could be known; part of the training hides them, so a tweet may come without a username.

## Intended use

To tell the author of an English original tweet (no reply, no retweet), or somebody who studies them, how likely such
a tweet is to get {_goal(spec)}, on topics like those it was trained on.

## Limits

- It knows neither followers nor what happens after posting: a probability, never a promise.
- Topics drift; a model older than a few batches should be retrained, which this product does by itself.
- Where a slice above has few tweets or a wide interval, nothing is known of it.

## Ethical considerations

- It learned from what people posted in public without being asked, and an author's past is personal data: keep no
  longer than needed, and delete what its author deletes.
- Likes follow reach, fashion and prejudice; the model repeats them. A low probability says nothing of a tweet's worth.
- Not for judging people, and not for deciding what may be said or who is heard.
"""


def strip_front_matter(card_text: str) -> str:
    """The card for a page that would show the YAML on top as text."""
    return card_text.split("---\n", 2)[2]


def _goal(spec: ArtefactSpec) -> str:
    likes = spec.likes_threshold
    return "a like" if likes == 0 else f"more than {likes} like{'s' if likes > 1 else ''}"


def _made_from(spec: ArtefactSpec, training: TrainingSummary) -> str:
    speed = f", {training.tweets_per_second:,.0f} tweets/s" if training.tweets_per_second else ""
    lines = [
        f"Base model: `{spec.base_model}` ({spec.base_model_source})",
        f"Source: `{training.source}`, {len(training.batch_ids)} batch(es)",
        f"Tweets posted from {training.window_from:%Y-%m-%d %H:%M} to {training.window_to:%Y-%m-%d %H:%M} UTC",
        f"{training.train_count:,} tweets to train on, {training.validation_count:,} to validate",
        f"Share that got {_goal(spec)}: {training.viral_rate:.1%}",
        f"Trained at {training.trained_at:%Y-%m-%d %H:%M} UTC for event `{training.event_id}`{speed}",
    ]
    if training.recipe:
        knobs = ", ".join(f"{name} {_short(value)}" for name, value in training.recipe.items())
        lines.append(f"Recipe: {knobs}")
    return "\n".join(f"- {line}" for line in lines)


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _called(spec: ArtefactSpec) -> str:
    said = f"A tweet is called viral from a probability of {spec.decision_threshold:.1%} on"
    if spec.decision_threshold == DECISION_THRESHOLD:
        return f"{said}: when that is the likelier outcome.\n"
    return f"{said}, so that\nas many are called viral as are: few tweets are likelier to be than not.\n"
