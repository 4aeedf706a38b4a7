"""Draw what a search found in one HTML page, which needs no network."""

from __future__ import annotations

import optuna
from optuna.visualization import plot_parallel_coordinate, plot_param_importances


def draw_page(study: optuna.Study) -> str:
    """Draw how values go together with the loss, and how much each setting matters."""
    plots = [
        plot_parallel_coordinate(study, target_name="validation loss"),
        plot_param_importances(study, target_name="validation loss"),
    ]
    bodies = [
        plot.to_html(full_html=False, include_plotlyjs=number == 0) for number, plot in enumerate(plots)
    ]
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{study.study_name}</title>'
    return "\n".join([head, *bodies, "</html>"])
