"""Ids that follow from names."""

from __future__ import annotations

from cuddy import checksum


def test_fnv_1a_has_its_published_values() -> None:
    assert checksum.fnv(b"") == 0x811C9DC5
    assert checksum.fnv(b"a") == 0xE40C292C
    assert checksum.fnv(b"foobar") == 0xBF9CF968


def test_a_fingerprint_is_an_id_and_always_the_same() -> None:
    found = checksum.fingerprint("/var/lib/cuddy/networks bridge")
    assert len(found) == 64
    assert set(found) <= set("0123456789abcdef")
    assert found == checksum.fingerprint("/var/lib/cuddy/networks bridge")
    assert found != checksum.fingerprint("/var/lib/cuddy/networks host")
