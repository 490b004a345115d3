"""A bundle, and a runtime to run it with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bundles import Bundle, Runtime


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A bundle of busybox that runs a shell unless told otherwise."""
    return Bundle(tmp_path / "bundle")


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """The runtime as a program; what it made is deleted after the test."""
    made = Runtime(tmp_path)
    yield made
    made.close()
