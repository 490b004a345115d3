"""Subnets, ranges, gateways and auxiliary addresses find each other as in docker's client."""

from __future__ import annotations

import pytest

from cuddy.cli.network.create import pools
from cuddy.errors import InvalidArgument
from cuddy.network.ipam import Pool


def test_each_subnet_gets_what_lies_in_it() -> None:
    found = pools(
        ["10.0.0.0/24", "fd00::/64"],
        ["10.0.0.128/25"],
        ["fd00::9", "10.0.0.254"],
        {"a": "10.0.0.5", "b": "fd00::5", "c": "10.0.0.6"},
    )
    assert found == (
        Pool("10.0.0.0/24", "10.0.0.254", "10.0.0.128/25", {"a": "10.0.0.5", "c": "10.0.0.6"}),
        Pool("fd00::/64", "fd00::9", "", {"b": "fd00::5"}),
    )


def test_without_any_there_are_none() -> None:
    assert pools([], [], [], {}) == ()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([], ["10.0.0.0/25"], [], {}), "every ip-range or gateway must have"),
        (([], [], [], {"a": "10.0.0.1"}), "no matching subnet for aux-address 10.0.0.1"),
        ((["10.0.0.0/24", "10.0.0.0/16"], [], [], {}), "multiple overlapping subnet"),
        ((["10.0.0.0/24", "10.0.0.0/24"], [], [], {}), "multiple overlapping subnet"),
        ((["warp"], [], ["10.0.0.1"], {}), "invalid subnet: invalid CIDR address: warp"),
        ((["10.0.0.0/24"], ["warp"], [], {}), "invalid CIDR address: warp"),
        ((["10.0.0.0/24"], [], ["fd00::1"], {}), "no matching subnet for gateway fd00::1"),
        (
            (["10.0.0.0/24", "10.1.0.0/24"], [], ["10.0.0.1", "10.0.0.2"], {}),
            "cannot configure multiple gateways (10.0.0.2, 10.0.0.1) for the same subnet",
        ),
        (
            (["10.0.0.0/24", "10.1.0.0/24"], ["10.0.0.0/25", "10.0.0.128/25"], [], {}),
            "cannot configure multiple ranges (10.0.0.128/25, 10.0.0.0/25) on the same subnet",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    arguments: tuple[list[str], list[str], list[str], dict[str, str]], words: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        pools(*arguments)
    assert words in caught.value.message
