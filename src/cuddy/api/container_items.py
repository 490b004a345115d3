"""Containers as lists show them: each as JSON, which is made anew when its record is."""

from __future__ import annotations

import time

from cuddy import files
from cuddy.engine import inspect, ports, ps, status
from cuddy.engine.memory import Memory
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home


class Text(NamedTuple):
    """A container's JSON around its status, and what it was made of."""

    record: Container
    names: list[str]
    image: str
    before: str
    after: str


class Items:
    """What a process has written already of containers and found out of images' names."""

    def __init__(self) -> None:
        self.records = Memory()
        self._image_names = Memory()
        self._texts: dict[str, Text] = {}  # by id

    def write(self, home: Home, found: ps.Found, *, size: bool) -> list[str]:
        """The containers of a list, each as JSON. `size`: with what it takes on disk."""
        stale = ps.stale_names(home, found.containers, self._image_names)
        now_ns = time.time_ns()
        items = []
        for record in found.containers:
            try:
                text = self._text(record, ps.names(record, found.aliases), image_of(record, stale))
                said = files.quote(status.status_text(record["State"], now_ns))
            except (ValueError, IndexError):
                continue  # a time that is none; `ps` says so
            sizes = files.format_json(inspect.measure(home, record))[1:-1] + "," if size else ""
            items.append(f'{text.before}"Status":{said},{sizes}{text.after}')
        if len(self._texts) > 2 * len(items):
            self._texts.clear()  # most are of containers that are no more
        return items

    def _text(self, record: Container, names: list[str], image: str) -> Text:
        known = self._texts.get(record["Id"])
        if known and known.record is record and known.names == names and known.image == image:
            return known
        first, last = describe(record, names, image)
        before, after = f"{files.format_json(first)[:-1]},", files.format_json(last)[1:]
        text = self._texts[record["Id"]] = Text(record, names, image, before, after)
        return text


def items(home: Home, found: list[Container]) -> list[dict[str, Any]]:
    """All containers as a list shows them, with what each takes on disk."""
    stale, aliases, now_ns = ps.stale_names(home, found), ps.aliases(found), time.time_ns()
    shown = []
    for record in found:
        first, last = describe(record, ps.names(record, aliases), image_of(record, stale))
        said = status.status_text(record["State"], now_ns)
        shown.append({**first, "Status": said, **inspect.measure(home, record), **last})
    return shown


def image_of(record: Container, stale: set[tuple[str, str]]) -> str:
    """The name of its image, as long as it means that."""
    image = record["Config"].get("Image") or ""
    return record["Image"] if not image or (image, record["Image"]) in stale else image


def describe(
    record: Container, names: list[str], image: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A container as lists show it, in front of its status and behind it. Pure."""
    settings = inspect.build_network_settings(record)
    first = {
        "Id": record["Id"],
        "Names": names,
        "Image": image,
        "ImageID": record["Image"],
        "Command": " ".join([record["Path"], *map(quoted, record["Args"])]),
        "Created": files.parse_time(record["Created"]) // 10**9,
        "Ports": [port(each) for each in ports.summarize(settings["Ports"])],
        "Labels": record["Config"].get("Labels") or {},
        "State": record["State"]["Status"],
    }
    return first, {
        "HostConfig": {"NetworkMode": record["HostConfig"]["NetworkMode"]},
        "NetworkSettings": {"Networks": settings["Networks"]},
        "Mounts": inspect.build_mounts(record),
    }


def quoted(word: str) -> str:
    """A word of a command as lists show it."""
    return f"'{word}'" if " " in word else word


def port(found: ports.Port) -> dict[str, Any]:
    """One port, with its place on the host if it has one."""
    place = {"IP": found.ip} if found.ip else {}
    public = {"PublicPort": found.public} if found.public else {}
    return {**place, "PrivatePort": found.private, **public, "Type": found.protocol}
