"""A container, as a program has it: what is known of it, and what can be done with it."""

from __future__ import annotations

import os

from cuddy.errors import NoSuchContainer
from cuddy.library import attached, notebook, talk, tars
from cuddy.library.listing import Listing
from cuddy.library.live import LiveLogs
from cuddy.library.requests import Request, expect
from cuddy.library.values import Change, LogLine, Result, Top
from cuddy.library.wishes import assignments, limits, pattern, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Generator, Iterable, Mapping, Sequence
    from typing import Any, Self

    from cuddy.library.attached import Attached
    from cuddy.library.link import Link


class Container:
    """A container. `with` removes it at the end of the block, however that ends.

    `attrs` is what `docker inspect` shows, as of the last `refresh` or of the last thing done with
    it here. Methods raise NoSuchContainer when it is gone, NotRunning and Conflict as the command
    of the same name does. `warnings`: what is not as it was asked for, by its creation and starts.
    """

    def __init__(self, link: Link, attrs: object) -> None:
        self._link = link
        self._become(attrs)

    def _become(self, attrs: object) -> None:
        """The container that these are about."""
        self.attrs: dict[str, Any] = expect(attrs, dict)
        self.warnings: list[str] = self.attrs.pop("Warnings", [])
        self.id: str = expect(self.attrs.get("Id"), str)

    def __repr__(self) -> str:
        return f"<Container {self.name} {self.id[:12]} {self.status}>"

    def _repr_html_(self) -> str:
        return notebook.table([self.row()])

    def row(self) -> notebook.Row:
        """Itself in a table."""
        return notebook.container_row(self.attrs)

    @property
    def name(self) -> str:
        """Its name, without a slash."""
        return str(self.attrs["Name"]).removeprefix("/")

    @property
    def status(self) -> str:
        """created, running, paused, restarting, exited or dead."""
        return str(self.attrs["State"]["Status"])

    @property
    def exit_code(self) -> int:
        """How its last life ended; 0 as long as none has."""
        return int(self.attrs["State"]["ExitCode"])

    @property
    def labels(self) -> dict[str, str]:
        """Its labels, those of its image among them."""
        return dict(self.attrs["Config"]["Labels"] or {})

    @property
    def ip_address(self) -> str:
        """Its first IPv4 address; "" if it has none, as when it does not run."""
        networks = self.attrs["NetworkSettings"]["Networks"] or {}
        return next((n["IPAddress"] for n in networks.values() if n.get("IPAddress")), "")

    def port(self, inside: int | str) -> tuple[str, int]:
        """The address and port of this machine that lead to a port inside: 80, "53/udp".

        Raises KeyError if none does, as when it does not run.
        """
        key = inside if "/" in str(inside) else f"{inside}/tcp"
        found = self.attrs["NetworkSettings"]["Ports"].get(key)
        if not found:
            raise KeyError(f"nothing leads to port {key}")
        return found[0]["HostIp"], int(found[0]["HostPort"])

    def refresh(self) -> None:
        """Look at it again."""
        self._change("inspect")

    def start(self) -> None:
        """Have its program begin; it has when this returns. Nothing if it runs."""
        self._change("start")

    def stop(self, *, timeout: float | None = None, signal: str | int = "") -> None:
        """Ask it to end, and after `timeout` seconds (10, or its own) kill it."""
        self._change("stop", timeout_s=timeout, signal=str(signal))

    def restart(self, *, timeout: float | None = None) -> None:
        """Stop it if it runs, and start it."""
        self._change("restart", timeout_s=timeout)

    def kill(self, signal: str | int = "KILL") -> None:
        """Send a signal to its first process."""
        self._change("kill", signal=str(signal))

    def pause(self) -> None:
        """No process of it moves from here on."""
        self._change("pause")

    def unpause(self) -> None:
        """Its processes move again."""
        self._change("unpause")

    def rename(self, name: str) -> None:
        """Give it another name. Raises NameTaken."""
        self._change("rename", new_name=name)

    def update(
        self, *, memory: int | str | None = None, cpus: float | None = None,
        pids: int | None = None, restart: str = "",
    ) -> list[str]:  # fmt: skip
        """Other limits, another restart policy, at once; returns warnings."""
        options = limits(memory=memory, cpus=cpus, pids=pids, restart=restart)
        warnings = self._do("update", options=options)
        self.refresh()
        return list(expect(warnings, list))

    def remove(self, *, force: bool = False, volumes: bool = False) -> None:
        """Away with it. `force`: kill it if it runs. `volumes`: its anonymous volumes too."""
        self._do("remove", force=force, volumes=volumes)

    def wait(self, *, timeout: float | None = None) -> int:
        """Its exit code, when it has ended; Timeout after so many seconds, and it goes on."""
        code = self._do("wait", timeout)
        return int(expect(code, int))

    def wait_for(
        self, *, port: int | str | Iterable[int | str] = (), log: str | re.Pattern[str] = "",
        healthy: bool = False, timeout: float = 60,
    ) -> Self:  # fmt: skip
        """Wait until it is ready, which is all that is asked for; itself, so that it can be said
        behind `run`.

        `port`: somebody in it listens there: 80, "53/udp", or several. `log`: a text, or what a
        pattern finds, in a line of its log. `healthy`: its health check says so. Raises NotReady,
        which shows its last words, when it ends first, or after `timeout` seconds; InvalidArgument
        if it has no health check or keeps no log.
        """
        numbers = [str(port)] if isinstance(port, (int, str)) else [str(each) for each in port]
        arguments = {"ports": numbers, "healthy": healthy, "timeout_s": timeout}
        self._change("wait_for", log=pattern(log), **arguments)
        return self

    def logs(
        self, *, follow: bool = False, tail: int | None = None, since: str = "", until: str = ""
    ) -> Generator[LogLine, None, None]:
        """What it has written, line by line; with `follow` until it has ended.

        `tail`: so many of the last lines. `since`, `until`: moments, or how long ago ("10m").
        """
        arguments = {"follow": follow, "tail": tail, "since": since, "until": until}
        request = Request("logs", {"name": self.id, **arguments})
        for said in talk.follow(self._link, request):
            yield LogLine.of(said.value)

    def attach(self) -> Attached:
        """Its streams while it runs: what it writes from now on, and, if it was made `interactive`,
        what it reads. Raises NotRunning, Conflict.
        """
        return attached.attach(self._link, self.id)

    def live_logs(self, *, lines: int = 500) -> LiveLogs:
        """For the end of a cell in a notebook: its last lines, which grow until it has ended or the
        cell is interrupted.
        """
        return LiveLogs(self._link, self.id, self.name, lines)

    def exec(
        self,
        command: str | Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        user: str | int = "",
        workdir: str = "",
        input: str | bytes | None = None,
        timeout: float | None = None,
        check: bool = False,
        privileged: bool = False,
        max_output: int = 0,
    ) -> Result:
        """Run one more command in it. Arguments and errors as of `cuddy.run`.

        `timeout`: seconds after which it is killed, with all that it has started. `max_output`: as
        it is after it has written more bytes than that, with TooMuchOutput; 0: as many as it likes.
        """
        options = {
            "command": words(command), "env": assignments(env or {}),
            "user": str(user), "workdir": workdir, "interactive": input is not None,
            "privileged": privileged, "timeout_s": timeout,
        }  # fmt: skip
        data = input.encode() if isinstance(input, str) else input
        arguments = {"name": self.id, "options": options}
        answer = talk.ask(self._link, Request("exec", arguments, data, limit_bytes=max_output))
        if answer.value["TimedOut"]:
            raise answer.late(timeout)
        result = answer.result()
        return result.checked(words(command)) if check else result

    def top(self) -> Top:
        """Its processes, as ps(1) of this machine shows them."""
        found = self._do("top")
        return Top(found["titles"], found["rows"])

    def stats(self) -> dict[str, Any]:
        """What it uses right now, as Docker's API tells it."""
        found = self._do("stats")
        return dict(expect(found, dict))

    def follow_stats(self, *, every: float = 1) -> Generator[dict[str, Any], None, None]:
        """What it uses, again and again, `every` so many seconds, as long as it runs; each reading
        has the one before as `precpu_stats`.
        """
        request = Request("follow_stats", {"name": self.id, "every_s": every})
        for said in talk.follow(self._link, request):
            yield said.value

    def diff(self) -> Listing[Change]:
        """What it has changed of its image's files."""
        found = self._do("diff")
        return Listing(map(Change.of, expect(found, list)))

    def commit(self, name: str = "", *, message: str = "", author: str = "") -> str:
        """Make an image of it as it is now; the image's id. `name`: repository[:tag]."""
        found = self._do("commit", new_name=name, message=message, author=author)
        return str(expect(found, str))

    def put(self, source: str | os.PathLike[str], target: str) -> None:
        """Copy a file or directory of this machine into it, as `cuddy cp` does."""
        self._do("put", source=os.path.abspath(source), target=target)

    def get(self, source: str, target: str | os.PathLike[str]) -> None:
        """Copy a file or directory of it to this machine, as `cuddy cp` does."""
        self._do("get", source=source, target=os.path.abspath(target))

    def read(self, path: str, *, max_bytes: int = tars.MAX_READ_BYTES) -> bytes:
        """What a file in it holds. Raises NotFound, InvalidArgument if it is no file, or as a tar
        more than `max_bytes` (0: as much as there is).
        """
        with tars.Room() as room:
            arguments = {"name": self.id, "path": path, "limit_bytes": max_bytes}
            talk.ask(self._link, Request("take", arguments), [room.fd])
            return room.read(path)

    def write(self, path: str, data: str | bytes, *, mode: int = 0o644) -> None:
        """Make a file in it, in a directory that is there, or replace one. It is root's."""
        directory, _, name = path.rpartition("/")
        with tars.Room() as room:
            room.write({name: data}, mode)
            arguments = {"name": self.id, "path": directory or "/", "to_user": False}
            talk.ask(self._link, Request("unpack", arguments), [room.fd])

    def export(self, target: str | os.PathLike[str]) -> None:
        """Write its root to a file, as a tar."""
        with open(target, "wb") as file:
            talk.ask(self._link, Request("export", {"name": self.id}), [file.fileno()])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.remove(force=True, volumes=True)
        except NoSuchContainer:
            pass  # it has gone already

    def _do(self, verb: str, timeout_s: float | None = None, **arguments: object) -> Any:
        request = Request(verb, {"name": self.id, **arguments}, timeout_s=timeout_s)
        answer = talk.ask(self._link, request)
        return answer.value

    def _change(self, verb: str, **arguments: object) -> None:
        answer = talk.ask(self._link, Request(verb, {"name": self.id, **arguments}))
        self.attrs = expect(answer.value, dict)
        told: list[str] = self.attrs.pop("Warnings", [])
        self.warnings += [each for each in told if each not in self.warnings]
