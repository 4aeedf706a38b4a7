"""Render the model card: what the model is, what it was made from, how good it is, and what it is not for.

It is made from the run alone; no tweet's text comes near it.
"""

from __future__ import annotations

from huggingface_hub import ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined
from viral_common.artefact.files import DECISION_THRESHOLD, ArtefactSpec


def render_card(spec: ArtefactSpec) -> str:
    """Render README.md of the artefact, in the form that model hubs read."""
    head = ModelCardData(
        language="en",
        license="mit",
        pipeline_tag="text-classification",
        base_model=spec.base_model,
        tags=["tweets", "virality", "onnx"],
    )
    environment = Environment(
        loader=PackageLoader("viral_trainer.model"),
        autoescape=False,  # noqa: S701  (Markdown; no tweet's text is in it)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("model_card.md").render(
        head=head.to_yaml(),
        spec=spec,
        training=spec.training,
        goal=_format_goal(spec.likes_threshold),
        likelier=spec.decision_threshold == DECISION_THRESHOLD,
        clear_from=spec.drafts and spec.drafts.find_clear_difference(),
    )


def strip_front_matter(card_text: str) -> str:
    """Strip the YAML on top, for a page that would show it as text."""
    return card_text.split("---\n", 2)[2]


def _format_goal(likes_threshold: int) -> str:
    if likes_threshold == 0:
        return "a like"
    return f"more than {likes_threshold} like{'s' if likes_threshold > 1 else ''}"
