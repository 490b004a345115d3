"""Certificates that are set down for one registry: certs.d/HOST[:PORT]/ (containers-certs.d(5)).

    *.crt           authorities that are trusted besides the system's
    NAME.cert, .key who we are: a certificate and its key

The first directory that has an entry for the registry is the one that counts.
"""

from __future__ import annotations

import os

from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Certificates(NamedTuple):
    """Paths of authorities, and of certificates with their keys."""

    authorities: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()


def find(directories: Iterable[str], host: str, port: int) -> Certificates:
    """What there is for a registry. Raises InvalidArgument when half of a pair is missing."""
    shown = f"[{host}]" if ":" in host else host
    names = [f"{shown}:{port}", *([shown] if port == 443 else [])]
    for directory in directories:
        for name in names:
            try:
                found = sorted(os.listdir(f"{directory}/{name}"))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                reason = os.strerror(error.errno or 0).lower()
                raise InvalidArgument(f"cannot read {directory}/{name}: {reason}") from None
            return _sort(f"{directory}/{name}", found)
    return Certificates()


def _sort(directory: str, names: list[str]) -> Certificates:
    """The files of a directory by what they are."""
    there = set(names)
    pairs = []
    for name in names:
        stem, _, ending = name.rpartition(".")
        other = {"cert": "key", "key": "cert"}.get(ending, "")
        if other and f"{stem}.{other}" not in there:
            raise InvalidArgument(
                f"{directory}/{name} has no {stem}.{other} beside it",
                hint="a certificate and its key go together; authorities' files end in .crt",
            )
        if ending == "cert":
            pairs.append((f"{directory}/{name}", f"{directory}/{stem}.key"))
    authorities = tuple(f"{directory}/{name}" for name in names if name.endswith(".crt"))
    return Certificates(authorities, tuple(pairs))
