"""Certificates that are set down for one registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from cuddy.errors import InvalidArgument
from cuddy.image import certificates
from cuddy.image.certificates import Certificates


def put(directory: Path, *names: str) -> str:
    directory.mkdir(parents=True)
    for name in names:
        (directory / name).touch()
    return str(directory)


def test_authorities_and_pairs_are_told_by_their_endings(tmp_path: Path) -> None:
    found = put(tmp_path / "lan:5000", "b.crt", "a.crt", "me.cert", "me.key", "README", "x.pem")
    assert certificates.find([str(tmp_path)], "lan", 5000) == Certificates(
        (f"{found}/a.crt", f"{found}/b.crt"), ((f"{found}/me.cert", f"{found}/me.key"),)
    )


def test_a_port_other_than_that_of_https_is_part_of_the_name(tmp_path: Path) -> None:
    put(tmp_path / "lan", "a.crt")
    assert certificates.find([str(tmp_path)], "lan", 443).authorities
    assert certificates.find([str(tmp_path)], "lan", 5000) == Certificates()
    put(tmp_path / "[fd00::1]:5000", "a.crt")
    assert certificates.find([str(tmp_path)], "fd00::1", 5000).authorities


def test_the_first_directory_that_has_the_registry_counts(tmp_path: Path) -> None:
    put(tmp_path / "1/other", "a.crt")
    first = put(tmp_path / "2/lan", "a.crt")
    put(tmp_path / "3/lan", "b.crt")
    found = certificates.find([f"{tmp_path}/{n}" for n in range(4)], "lan", 443)
    assert found.authorities == (f"{first}/a.crt",)


@pytest.mark.parametrize("half", ["me.cert", "me.key"])
def test_half_a_pair_is_an_error(tmp_path: Path, half: str) -> None:
    put(tmp_path / "lan", half, "other.crt")
    with pytest.raises(InvalidArgument, match=f"{half} has no me.(key|cert) beside it"):
        certificates.find([str(tmp_path)], "lan", 443)
