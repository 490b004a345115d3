"""By which names others find a container."""

from __future__ import annotations

from cuddy.engine import dns_names
from cuddy.engine.container import Container

ID = "0123456789abcdef" * 4


def record(hostname: str = "0123456789ab") -> Container:
    return {"Id": ID, "Name": "/web", "Config": {"Hostname": hostname}}


def test_its_name_comes_first_then_aliases_then_the_short_id() -> None:
    assert dns_names.names_of(record(), ["db", "cache"]) == ["web", "db", "cache", "0123456789ab"]


def test_a_host_name_it_was_given_is_a_name_too() -> None:
    assert dns_names.names_of(record("www")) == ["web", "0123456789ab", "www"]


def test_none_is_there_twice() -> None:
    assert dns_names.names_of(record("web"), ["web", "0123456789ab"]) == ["web", "0123456789ab"]


def test_without_a_host_name_there_is_one_name_less() -> None:
    assert dns_names.names_of(record("")) == ["web", "0123456789ab"]
