"""What several tests of networks begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lan import Lan


@pytest.fixture
def lan(host: None) -> Iterator[Lan]:
    """Networks, containers and others in the network namespace that `host` of the file makes."""
    made = Lan()
    try:
        yield made
    finally:
        made.close()
