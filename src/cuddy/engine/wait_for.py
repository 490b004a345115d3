"""Wait for: until a container is ready to be used, by what it says, by its ports, by its health.

Nothing is sent to it: that a port is listened at stands in the kernel's table of sockets.
"""

from __future__ import annotations

import os
import time

from cuddy import files
from cuddy.engine import container, containers, health, logs
from cuddy.errors import InvalidArgument, NotReady, NotRunning
from cuddy.escape import printable
from cuddy.network import reach, resolv
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.network.reach import Listener

PAUSE_S = 0.02
LAST_LINES = 10
MAX_LINE = 1 << 16
LOOPBACK = ("127.", "::1")


class Readiness(NamedTuple):
    """What makes a container ready; all of it. `ports`: number and protocol."""

    ports: tuple[tuple[int, str], ...] = ()
    log: re.Pattern[str] | None = None  # to be found in a line
    healthy: bool = False


def parse_port(text: str) -> tuple[int, str]:
    """80, 80/tcp, 53/udp. Raises InvalidArgument."""
    number, _, protocol = text.partition("/")
    protocol = protocol or "tcp"
    if protocol in reach.WAITING and number.isascii() and number.isdigit() and len(number) <= 5:
        return int(number), protocol
    raise InvalidArgument(f"{text!r} is no port", hint='80, "80/tcp" or "53/udp"')


def wait_for(home: Home, name: str, wanted: Readiness, timeout_s: float) -> None:
    """Wait until all is as wanted.

    Raises NotReady when the container ends first, or after so many seconds; NotRunning,
    InvalidArgument when it never can be.
    """
    record = containers.find(home, name)
    if record["State"]["Status"] == "created":
        raise NotRunning(name)
    if wanted.healthy and not health.command(record["Config"]):
        hint = "give it one, or wait for a port or a line of its log"
        shown = container.display_name(record)
        raise InvalidArgument(f"container {shown} has no health check", hint=hint)
    vigil = Vigil(home, record, timeout_s)
    if wanted.log:
        vigil.hear(wanted.log)
    for port, protocol in wanted.ports:
        vigil.see_port(port, protocol)
    if wanted.healthy:
        vigil.see_health()


class Vigil:
    """One waiting, with one deadline for everything."""

    def __init__(self, home: Home, record: Container, timeout_s: float) -> None:
        self._home = home
        self._record = record
        self._timeout_s = timeout_s
        self._deadline_s = time.monotonic() + timeout_s

    def hear(self, pattern: re.Pattern[str]) -> None:
        """A line of this life's log in which the pattern is found."""
        for line in self._lines(files.format_time(time.time_ns() + self._left_ns())):
            if pattern.search(line):
                return
        self._fail(f"no line of its log has {pattern.pattern!r}")

    def _lines(self, until: str) -> Iterator[str]:
        """Its lines; those of earlier lives, which have ended, are of no interest."""
        ended = self._record["State"]["FinishedAt"]
        since = ended if containers.is_up(self._record) and ended != container.NEVER else ""
        rests = {1: b"", 2: b""}
        found = logs.read(self._home, self._record["Id"], follow=True, since=since, until=until)
        for entry in found:
            data = rests.get(entry.stream, b"") + entry.data
            *whole, rest = data.split(b"\n")
            rests[entry.stream] = rest[-MAX_LINE:]
            for line in whole:
                yield line.decode(errors="replace")
        yield from (rest.decode(errors="replace") for rest in rests.values() if rest)

    def see_port(self, port: int, protocol: str) -> None:
        """Somebody in it who listens there, where others than itself can come."""
        while True:
            found = self._listeners(port, protocol)
            if any(self._serves(each) for each in found):
                return
            self._pause(self._silence(port, protocol, found))

    def _listeners(self, port: int, protocol: str) -> list[Listener]:
        pid = self._record["State"]["Pid"]
        if not pid:
            return []
        try:
            netns_fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return []  # it has just ended
        try:
            found = reach.listeners(netns_fd, protocol)
        finally:
            os.close(netns_fd)
        return [each for each in found if each.port == port and each.address != resolv.OWN_SERVER]

    def _serves(self, found: Listener) -> bool:
        """Without a network of its own a container is reached by nobody but itself."""
        networks = self._record["NetworkSettings"]["Networks"] or {}
        is_apart = any(each.get("IPAddress") for each in networks.values())
        return not is_apart or not found.address.startswith(LOOPBACK)

    def _silence(self, port: int, protocol: str, found: list[Listener]) -> str:
        if found:
            place = found[0].address
            return f"port {port}/{protocol} is listened at on {place} only, which is its loopback"
        return f"nobody in it listens at port {port}/{protocol}"

    def see_health(self) -> None:
        """A good end of its last probe."""
        while (status := health.of(self._record).get("Status")) != "healthy":
            log = health.of(self._record).get("Log") or []
            said = printable(" ".join(str(log[-1]["Output"]).split())[:200]) if log else ""
            self._pause(f"its health is {status}" + (f", its last check said: {said}" * bool(said)))

    def _left_ns(self) -> int:
        return max(0, round((self._deadline_s - time.monotonic()) * 1e9))

    def _pause(self, missing: str) -> None:
        """Look again in a moment, if there is a point in it."""
        self._record = containers.read(self._home, self._record["Id"])
        if not containers.is_up(self._record) or not self._left_ns():
            self._fail(missing)
        time.sleep(PAUSE_S)

    def _fail(self, missing: str) -> None:
        self._record = containers.read(self._home, self._record["Id"])
        state = self._record["State"]
        if containers.is_up(self._record):
            how, code = f"after {self._timeout_s:g} seconds", None
        else:
            code = state["ExitCode"]
            memory = " for want of memory" if state.get("OOMKilled") else ""
            how = f"and ended{memory} with exit code {code}"
        name = container.display_name(self._record)
        message = f"container {name} is not ready {how}: {missing}"
        raise NotReady(message, last_lines(self._home, self._record), code)


def last_lines(home: Home, record: Container, count: int = LAST_LINES) -> str:
    """The end of its log, harmless; "" if it has none that can be read."""
    try:
        entries = list(logs.read(home, record["Id"], tail=count))
    except InvalidArgument:
        return ""  # its driver keeps nothing
    text = b"".join(each.data for each in entries).decode(errors="replace")
    return "\n".join(printable(line, keep="\t")[:500] for line in text.splitlines()[-count:])
