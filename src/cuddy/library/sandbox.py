"""A sandbox, as a program has it: a container for commands that come one after the other."""

from __future__ import annotations

import os

from cuddy.errors import NoSuchContainer
from cuddy.library import talk, tars, wishes
from cuddy.library.beginning import Beginning
from cuddy.library.container import Container
from cuddy.library.link import usual
from cuddy.library.listing import Listing
from cuddy.library.requests import Request, expect
from cuddy.library.values import Change, Usage
from cuddy.library.wishes import over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Unpack

    from cuddy.library.engine import Engine
    from cuddy.library.link import Link
    from cuddy.library.wishes import Wishes

    Files = Mapping[str, str | bytes | os.PathLike[str]]
    """Path inside: what the file holds, or what of this machine is to be there (a path)."""


class Sandbox(Beginning, Container):
    """A sandbox of an image, which is pulled if it is not here. It has begun when it is made.

    Nothing runs in it but what `exec` runs. It ends with the program, however that ends; at the end
    of its `with` block; by `close`; `ttl` seconds after it was made. Its end is its removal.

    `files`: what it begins with. `keep`: it goes on when the program has ended. `engine`: of which
    home it is. `settings`: see Wishes; volumes that an image declares are part of its files. Errors
    are those of `cuddy.run`; when it has ended, methods raise NoSuchContainer.
    """

    def __init__(
        self, image: str, *, ttl: float | None = None, files: Files | None = None,
        keep: bool = False, engine: Engine | None = None, **settings: Unpack[Wishes],
    ) -> None:  # fmt: skip
        self._link = engine.link if engine else usual()
        self._files = files or {}
        self._wanted: dict[str, Any] | None = {
            "options": wishes.fields(image, (), over(engine.usual if engine else {}, settings)),
            "owner": 0 if keep else os.getpid(),
            "ttl_s": ttl,
        }
        self._made()

    def _begin(self) -> None:
        if self._wanted is None:
            return
        answer = talk.ask(self._link, Request("sandbox", self._wanted))
        self._become(answer.value)
        try:
            if self._files:
                self._fill(self._files)
                self._do("snapshot", first=True)
        except BaseException:
            self.close()
            raise

    def _become(self, attrs: object) -> None:
        self._wanted = None
        super()._become(attrs)

    def _fill(self, files: Files) -> None:
        contents = {k: v for k, v in files.items() if isinstance(v, (str, bytes))}
        if contents:
            self.write_all(contents)
        for target, source in files.items():
            if not isinstance(source, (str, bytes)):
                self.put(source, target)

    def write(self, path: str, data: str | bytes, *, mode: int = 0o644) -> None:
        """Make a file in it, or replace one. It is the sandbox's user's, as are directories that
        are missing on the way.
        """
        self.write_all({path: data}, mode=mode)

    def write_all(self, files: Mapping[str, str | bytes], *, mode: int = 0o644) -> None:
        """The same for many files at once."""
        with tars.Room() as room:
            names = {path: os.path.normpath(f"/{path}").lstrip("/") for path in files}
            room.write({names[path]: data for path, data in files.items()}, mode)
            arguments = {"name": self.id, "path": "/", "to_user": True}
            talk.ask(self._link, Request("unpack", arguments), [room.fd])

    def read_all(self, path: str, *, max_bytes: int = tars.MAX_READ_BYTES) -> dict[str, bytes]:
        """All files below a directory at once, by their paths from there; of links and devices
        nothing. Raises NotFound, InvalidArgument if they are more than `max_bytes` as
        a tar (0: as much as there is).
        """
        with tars.Room() as room:
            arguments = {"name": self.id, "path": path, "limit_bytes": max_bytes}
            talk.ask(self._link, Request("take", arguments), [room.fd])
            return room.read_all(path)

    def snapshot(self) -> int:
        """Keep its files as they are now; the number of the snapshot: 1, 2, and so on.

        In milliseconds while nothing runs in it. While something does, it stands still, and what it
        has written is copied. Mounts (volumes, tmpfs) are no part of it. Raises Conflict.
        """
        return int(expect(self._do("snapshot", first=False), int))

    def restore(self, number: int = 0) -> None:
        """Have the files of a snapshot again; 0 is as it began. All that runs in it is killed.

        Later snapshots stay. Raises InvalidArgument if there is none of that number.
        """
        self._do("restore", number=number)

    def fork(
        self, count: int = 1, *, snapshot: int | None = None, ttl: float | None = None,
        keep: bool = False,
    ) -> Listing[Sandbox]:  # fmt: skip
        """So many new sandboxes that begin with the files of this one, or of a snapshot of it, and
        have its settings. They share what is there with it, and stay when it goes.

        `ttl`, `keep`: as of a new one; without `ttl` they have as long as this one.
        """
        arguments = {
            "name": self.id, "count": count, "number": snapshot, "ttl_s": ttl,
            "owner": 0 if keep else os.getpid(),
        }  # fmt: skip
        answer = talk.ask(self._link, Request("fork", arguments))
        return Listing(of(self._link, attrs) for attrs in answer.items)

    def diff(self, since: int | None = None) -> Listing[Change]:
        """What has changed of its files since a snapshot; None: of its image's."""
        found = self._do("changes", since=since)
        return Listing(map(Change.of, expect(found, list)))

    def usage(self) -> Usage:
        """What it has used so far, and what it may."""
        found = self._do("usage")
        return Usage(**found)

    def close(self) -> None:
        """End it. Nothing if it has ended."""
        try:
            self.remove(force=True, volumes=True)
        except NoSuchContainer:
            pass  # by itself, or because its time was up


def of(link: Link, attrs: object) -> Sandbox:
    """One that is there."""
    sandbox = Sandbox.__new__(Sandbox)
    sandbox._link = link
    sandbox._become(attrs)
    return sandbox
