"""Content named by its hash."""

from __future__ import annotations

import hashlib

import pytest

from cuddy.errors import CorruptContent
from cuddy.image import digest

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_digest_of_nothing_is_the_well_known_one() -> None:
    assert digest.of(b"") == EMPTY


@pytest.mark.parametrize(
    "text",
    [
        "", "sha256", "sha256:", "sha256:abc", EMPTY + "0", EMPTY.upper(), "md5:" + "0" * 32,
        "sha256:" + "g" * 64, f" {EMPTY}", f"{EMPTY}\n", "sha256:../" + "a" * 61, 5, None, [],
    ],
)  # fmt: skip
def test_what_is_no_digest_is_refused(text: object) -> None:
    assert not digest.is_digest(text)
    with pytest.raises(CorruptContent, match="layer 3"):
        digest.check(text, "layer 3")


def test_sha512_is_a_digest_too() -> None:
    assert digest.is_digest("sha512:" + "0" * 128)


def test_chain_ids_are_those_of_the_specification() -> None:
    a, b = digest.of(b"a"), digest.of(b"b")
    both = "sha256:" + hashlib.sha256(f"{a} {b}".encode()).hexdigest()
    assert digest.chain_ids([]) == ()
    assert digest.chain_ids([a]) == (a,)
    assert digest.chain_ids([a, b]) == (a, both)
    assert digest.chain_ids([a, b, a])[2] == digest.of(f"{both} {a}".encode())


def test_people_see_twelve_digits() -> None:
    assert digest.short(EMPTY) == "e3b0c44298fc"
