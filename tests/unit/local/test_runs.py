"""How a training is put into words."""

from __future__ import annotations

from viral_local.runs import RunProgress


def test_a_training_tells_its_epoch_and_loss() -> None:
    run = RunProgress(step=30, epochs_done=0, epochs=2, train_loss=0.65, val_auc=None)

    assert run.live() == "epoch 1, step 30, loss 0.650"


def test_after_the_last_epoch_the_model_is_saved() -> None:
    run = RunProgress(step=60, epochs_done=2, epochs=2, train_loss=0.6, val_auc=0.7)

    assert run.live() == "saving the model, validation AUC 0.700"


def test_when_it_is_over_the_saved_model_is_told_not_the_newest_validation() -> None:
    run = RunProgress(1_500, 1, 2, train_loss=0.4, val_auc=0.69, best_epoch=1.4993, best_auc=0.71)

    assert run.result() == "1,500 steps, best after epoch 1.5, validation AUC 0.710"


def test_a_run_without_curves_has_begun() -> None:
    assert RunProgress(None, 0, None, None, None).live() == "begun"
