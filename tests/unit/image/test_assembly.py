"""Layers and a config become an image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cuddy.errors import InvalidArgument
from cuddy.image import assembly, spec
from cuddy.image.storage import Storage


def test_a_config_that_no_reader_would_take_is_not_made(tmp_path: Path) -> None:
    config: Any = {"config": {"Labels": {"a": "b" * spec.MAX_CONFIG_BYTES}}}
    with pytest.raises(InvalidArgument, match="the config of the image would have 838"):
        assembly.assemble(Storage(str(tmp_path)), "", config, [], [])
    assert not list(tmp_path.iterdir())
