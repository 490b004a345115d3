"""Arithmetic of id maps."""

from __future__ import annotations

import pytest

from cuddy.kernel import idmap
from cuddy.kernel.idmap import IdRange

RANGES = [IdRange(0, 100000, 1000), IdRange(65534, 5, 1)]


@pytest.mark.parametrize(
    ("inside", "outside"),
    [(0, 100000), (999, 100999), (1000, -1), (65533, -1), (65534, 5), (65535, -1), (-1, -1)],
)
def test_an_id_inside_is_an_id_outside_or_nobody(inside: int, outside: int) -> None:
    assert idmap.map_id(inside, RANGES) == outside


def test_without_ranges_nobody_is_mapped() -> None:
    assert idmap.map_id(0, []) == -1
