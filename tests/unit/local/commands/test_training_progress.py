"""How a training is put into words."""

from __future__ import annotations

from viral_local.commands.training_progress import RunProgress


def test_a_training_tells_its_step_and_loss_and_the_validation_once_there_was_one() -> None:
    assert RunProgress(step=30, train_loss=0.65, val_auc=None).format_live() == "step 30, loss 0.650"
    assert RunProgress(1_060, 0.6, 0.7).format_live() == "step 1,060, loss 0.600, validation AUC 0.700"


def test_when_it_is_over_the_saved_model_is_told_not_the_newest_validation() -> None:
    run = RunProgress(1_500, train_loss=0.4, val_auc=0.69, best_epoch=1.4993, best_auc=0.71)

    assert run.format_result() == "1,500 steps, best after epoch 1.5, validation AUC 0.710"


def test_a_run_without_curves_has_begun() -> None:
    assert RunProgress(None, None, None).format_live() == "begun"
