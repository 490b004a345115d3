"""A network for each engine, with a world outside of it: no engine's firewall rules slow another's.

An engine's room is a network namespace; a veth pair leads from it to one more, which is outside.
Both end with the bench.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.engines import Engine, Maker

import netns
from cuddy.kernel import rtnetlink

HERE, THERE = "198.51.100.1", "198.51.100.2"


class Room:
    """The two namespaces of an engine."""

    def __init__(self) -> None:
        self.own, self.outside = netns.Netns(), netns.Netns()
        for place in (self.own, self.outside):
            with place.inside():
                rtnetlink.loopback_up()
        peer = ("peer", "name", "eth0", "netns", path(self.outside))
        self.own.run("ip", "link", "add", "outside0", "type", "veth", *peer)
        for place, link, address in (
            (self.own, "outside0", HERE),
            (self.outside, "eth0", THERE),
        ):
            place.run("ip", "address", "add", f"{address}/24", "dev", link)
            place.run("ip", "link", "set", link, "up")
        self.own.run("ip", "route", "add", "default", "via", THERE)

    def close(self) -> None:
        self.own.close()
        self.outside.close()


def path(place: netns.Netns) -> str:
    """A namespace's path."""
    return f"/proc/{os.getpid()}/fd/{place.fd}"


def enter(place: netns.Netns, *words: str) -> list[str]:
    """A command that runs in a namespace."""
    return ["nsenter", f"--net={path(place)}", "--", *words]


@contextmanager
def engine(make: Maker, directory: Path, room: Room) -> Iterator[Engine]:
    """An engine whose containers' way out is a room."""
    with ExitStack() as lasting:
        with room.own.inside():
            made = lasting.enter_context(make(directory))
        # A daemon is in the room already; its client need not be.
        prefix = made.prefix if made.daemon_pid else tuple(enter(room.own, *made.prefix))
        yield made._replace(prefix=prefix)
