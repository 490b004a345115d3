"""Which hosts are reached through a proxy."""

from __future__ import annotations

import pytest

from cuddy.image import proxies

KNOWN = {"https": "http://p:1", "http": "http://q:1"}


@pytest.mark.parametrize(
    ("no", "host", "port", "direct"),
    [
        ("", "example.com", 443, False),
        ("example.com", "example.com", 443, True),
        ("example.com", "sub.example.com", 443, True),
        ("example.com", "badexample.com", 443, False),
        (".example.com", "example.com", 443, False),
        (".example.com", "sub.example.com", 443, True),
        ("*.example.com", "sub.example.com", 443, True),
        ("EXAMPLE.com", "Example.COM", 443, True),
        ("example.com:8080", "example.com", 8080, True),
        ("example.com:8080", "example.com", 443, False),
        ("a, b ,c", "b", 443, True),
        ("*", "anything", 443, True),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.0.0.0/8", "ten.example", 443, False),
        ("10.1.2.3", "10.1.2.3", 443, True),
        ("10.1.2.3:80", "10.1.2.3", 443, False),
        ("fd00::/8", "fd00::1", 443, True),
        ("[fd00::1]:443", "fd00::1", 443, True),
        ("fd00::1", "fd00::1", 443, True),
        ("10.0.0.0/nonsense", "10.0.0.1", 443, False),
        (",,", "example.com", 443, False),
    ],
)
def test_no_proxy_is_read_as_go_does(no: str, host: str, port: int, direct: bool) -> None:
    assert proxies.choose(KNOWN | {"no": no}, "https", host, port) == (
        "" if direct else "http://p:1"
    )


def test_each_scheme_has_its_own() -> None:
    assert proxies.choose(KNOWN, "http", "example.com", 80) == "http://q:1"
    assert proxies.choose({"http": "x"}, "https", "example.com", 80) == ""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_never_reached_through_one(host: str) -> None:
    assert proxies.choose(KNOWN, "http", host, 80) == ""
