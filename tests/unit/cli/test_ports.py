"""The PORTS column: docker's order and ranges."""

from __future__ import annotations

from typing import Any

import pytest

from cuddy.cli.ports import ports_text
from cuddy.engine.ports import summarize


def at(port: int, ip: str = "0.0.0.0") -> list[dict[str, str]]:
    return [{"HostIp": ip, "HostPort": str(port)}]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, ""),
        ({"443/tcp": None, "53/udp": []}, "53/udp, 443/tcp"),
        ({"80/tcp": at(8080)}, "0.0.0.0:8080->80/tcp"),
        ({"80/tcp": at(80, "::")}, "[::]:80->80/tcp"),
        ({"80/tcp": at(8080) + at(8080, "::")}, "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"),
        ({f"{n}/tcp": at(n) for n in (3, 1, 2, 5)}, "0.0.0.0:1-3->1-3/tcp, 0.0.0.0:5->5/tcp"),
        ({"1/tcp": None, "2/tcp": None, "2/udp": None}, "1-2/tcp, 2/udp"),
        ({"1/tcp": at(1), "2/tcp": at(9), "3/tcp": at(3)},
         "0.0.0.0:1->1/tcp, 0.0.0.0:3->3/tcp, 0.0.0.0:9->2/tcp"),
        ({"80/tcp": at(80, "")}, "0.0.0.0:80->80/tcp"),
    ],
)  # fmt: skip
def test_ports_read_as_dockers(settings: dict[str, Any], text: str) -> None:
    assert ports_text(summarize(settings)) == text
