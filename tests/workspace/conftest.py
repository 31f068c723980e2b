"""The shipped params, which each test spoils in its own way."""

from pathlib import Path
from typing import Any

import pytest

from attn2seq.config import read_yaml


@pytest.fixture
def params() -> dict[str, Any]:
    return read_yaml(Path(__file__).parents[2] / "params.yaml")
