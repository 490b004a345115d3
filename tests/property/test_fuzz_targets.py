"""The targets of `make fuzz`, with their examples and a few bytes more: they work, and go on to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parent.parent.parent))

from fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_raises_only_what_its_parser_promises(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=25, deadline=None)
    @given(st.binary(max_size=300))
    def try_some(data: bytes) -> None:
        one(data)

    def one(data: bytes) -> None:
        try:
            target.run(data)
        except target.errors:
            pass

    for example in target.seeds:
        one(example)
    try_some()
