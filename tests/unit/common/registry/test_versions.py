"""MLflow's failures in the product's terms."""

from __future__ import annotations

import pytest
import requests
from viral_common.errors import RegistryUnavailable
from viral_common.registry.client import translate_errors


def test_mlflow_away_without_a_word_is_told_all_the_same() -> None:
    with (
        pytest.raises(RegistryUnavailable, match=r"does not answer \(ConnectionError\)"),
        translate_errors("http://m"),
    ):
        raise requests.ConnectionError
