"""Engine: one home of containers, images, volumes and networks, as a program has it."""

from __future__ import annotations

import os

from cuddy.library import talk, wishes
from cuddy.library.containers import Containers
from cuddy.library.images import Images
from cuddy.library.link import Link
from cuddy.library.link import usual as usual_link
from cuddy.library.networks import Networks
from cuddy.library.requests import Request, expect
from cuddy.library.sandboxes import Sandboxes
from cuddy.library.values import Event, Result
from cuddy.library.volumes import Volumes
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from typing import Unpack

    from cuddy.library.wishes import Wishes


class Engine(Closing):
    """One home. `root`, `run_root`: its directories; without them CUDDY_ROOT and CUDDY_RUNROOT, or
    the usual ones.

    The first use starts a process behind the program's, which does all the work; `close`, or the
    program's end, ends it, and takes back what it is just doing. Containers that run go on.
    """

    def __init__(
        self, *, root: str | os.PathLike[str] = "", run_root: str | os.PathLike[str] = ""
    ) -> None:
        self._furnish(Link(os.fspath(root), os.fspath(run_root)), {})

    def _furnish(self, link: Link, usual: Wishes) -> None:
        """`usual`: the settings of containers for which nothing else is said."""
        self._link = link
        self._usual = usual
        self.containers = Containers(link, usual)
        self.sandboxes = Sandboxes(link)
        self.images = Images(link)
        self.volumes = Volumes(link, usual.get("labels", {}))
        self.networks = Networks(link, usual.get("labels", {}))

    @property
    def link(self) -> Link:
        """The way to its process."""
        return self._link

    @property
    def usual(self) -> Wishes:
        """The settings of containers made through it for which nothing else is said."""
        return self._usual

    def run(
        self,
        image: str,
        command: str | Sequence[str] = (),
        *,
        input: str | bytes | None = None,
        timeout: float | None = None,
        check: bool = False,
        **settings: Unpack[Wishes],
    ) -> Result:
        """Run a command in a new container of an image, which is pulled if it is not here; wait for
        its end, and remove the container.

        `command`: words; one text is split as a shell would, but no shell runs it. Without it the
        image's own. `input`: what the command reads. `timeout`: seconds until the container is
        killed and Timeout raised, with what was written so far. `check`: raise CommandFailed unless
        the exit code is 0. `settings`: see Wishes.

        Raises CommandNotFound, CommandNotExecutable, NoSuchImage, InvalidArgument and others of
        CuddyError.
        """
        fields = wishes.fields(image, command, wishes.over(self._usual, settings))
        answer = talk.ask(self._link, run_request(fields, input, timeout))
        result = answer.result()
        return result.checked(fields["command"]) if check else result

    def events(
        self, *, filters: Mapping[str, str | Sequence[str]] | None = None, since: str = "",
        until: str = "",
    ) -> Generator[Event, None, None]:  # fmt: skip
        """What happens to containers, images, volumes and networks, as it happens; for ever, or
        until a moment. Nothing is missed from the first `next` on.

        `filters`: as of `docker events --filter`. `since`, `until`: moments, or how long ago.
        """
        arguments = {"filters": wishes.pairs(filters), "since": since, "until": until}
        for said in talk.follow(self._link, Request("events", arguments)):
            if said.value:
                yield Event.of(said.value)

    def scope(self, **usual: Unpack[Wishes]) -> Scope:
        """The same home; but the containers, volumes and networks that are made through it go at
        the end of its block, and when the program ends, however it does.

        `usual`: settings of the containers made in it, unless they are given others.
        """
        wishes.check(usual)
        held, first = talk.hold(self._link, Request("scope", {}))
        return Scope(self._link, held, first.value, wishes.over(self._usual, usual))

    def close(self) -> None:
        """End the process behind it; the next use starts another. Its scopes end."""
        self._link.close()


class Scope(Engine):
    """Made by `Engine.scope`: what is made through it goes with it. `name`: what the label
    "cuddy.scope" says on all of that.
    """

    def __init__(self, link: Link, held: talk.Talk, labels: object, usual: Wishes) -> None:
        own: dict[str, str] = expect(labels, dict)
        (self.name,) = own.values()
        self._held = held
        self._furnish(link, wishes.over(usual, {"labels": own}))

    def close(self) -> None:
        """Remove what was made through it. Raises InUse if others use some of that."""
        try:
            talk.ask(self._link, Request("end_scope", {"name": self.name}))
        finally:
            self._held.close()


def run_request(
    words: dict[str, object], input: str | bytes | None, timeout_s: float | None
) -> Request:
    """The call for `run`."""
    streams = {} if input is None else {"interactive": True, "stdin_once": True}
    options = {**words, "auto_remove": True, **streams}
    data = input.encode() if isinstance(input, str) else input
    return Request("run", {"options": options, "stdin": input is not None}, data, timeout_s)


ENGINES: list[Engine] = []


def usual() -> Engine:
    """The engine of `cuddy.run` and its like: the usual home of this user."""
    if not ENGINES:
        engine = Engine.__new__(Engine)
        engine._furnish(usual_link(), {})
        ENGINES.append(engine)
    return ENGINES[0]


def run(
    image: str,
    command: str | Sequence[str] = (),
    *,
    input: str | bytes | None = None,
    timeout: float | None = None,
    check: bool = False,
    **settings: Unpack[Wishes],
) -> Result:
    """`Engine.run` in the usual home."""
    return usual().run(image, command, input=input, timeout=timeout, check=check, **settings)
