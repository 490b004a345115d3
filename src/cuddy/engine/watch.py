"""The long half of a monitor's life: it watches over the running container, and buries it.

All it needs to know stands in files and in the descriptors of `Held`, so that it can be taken up by
a fresh process: after a while without anything to do the monitor executes `sleeper.py`, which is as
small as Python gets, and that executes `wake` here when something happens. Same pid, same parent of
the container's init, same mount namespace; half the memory for the containers that just run.
"""

from __future__ import annotations

import _socket
import os
import sys

from cuddy import files
from cuddy.engine import connection, container, events, rootfs
from cuddy.engine.home import Home
from cuddy.engine.logfile import LogWriter
from cuddy.engine.relay import Relay, Streams
from cuddy.kernel import process
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import state
from cuddy.shapes import NamedTuple
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.container import Container, Status

FIRST_IDLE_S = 4.0
MAX_IDLE_S = 128.0
"""Idle time before going to sleep: each waking doubles it, so that a container that says something
now and then is not taken up and put down all the time."""

WAKE = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from cuddy.engine.watch import wake; wake(sys.argv[2])"
)


class Held(NamedTuple):
    """The descriptors that a monitor keeps while its container runs."""

    pidfd: int
    listener: int
    stdin: int  # -1: none
    outputs: list[list[int]]  # [descriptor, stream] of each


def watch(
    home: Home,
    container_id: str,
    held: Held,
    *,
    attached: int = -1,
    wants: int = 0,
    idle_s: float | None = FIRST_IDLE_S,
) -> None:
    """Relay until the container has ended, then bury it.

    `attached`: descriptor of a client's socket that is there already, and what it `wants`.
    """
    record = container.read(home, container_id)
    relay = make_relay(record, held)
    if attached >= 0:
        relay.add(_socket.socket(fileno=attached)).wants = wants
    while not relay.run(held.pidfd, idle_s=idle_s):
        sleep(home, container_id, held, relay, idle_s or 0)
        idle_s = None  # it cannot be done here: stay awake
    bury(home, record, relay)


def make_relay(record: Container, held: Held) -> Relay:
    """Streams, log and clients, tied together."""
    outputs = {pair[0]: pair[1] for pair in held.outputs}
    streams = Streams(held.stdin, outputs, tty=record["Config"]["Tty"])
    listener = _socket.socket(fileno=held.listener)
    log = LogWriter(record["LogPath"])
    return Relay(streams, log, listener, stdin_once=record["Config"]["StdinOnce"])


def sleep(home: Home, container_id: str, held: Held, relay: Relay, idle_s: float) -> None:
    """Become the sleeper. Returns only where that is not possible."""
    now = held._replace(
        stdin=relay.streams.stdin, outputs=[[fd, s] for fd, s in relay.streams.outputs.items()]
    )
    source = __file__.rpartition("/cuddy/")[0]
    order = files.format_json([*home, container_id, *now, min(idle_s * 2, MAX_IDLE_S)])
    python = [sys.executable, "-I", "-S"]
    watched = [now.pidfd, now.listener, *relay.streams.outputs]
    kept = {*watched, now.stdin} - {-1}
    for fd in kept:
        os.set_inheritable(fd, True)
    words = ",".join(str(fd) for fd in watched)
    try:
        sleeper = [compiled_sleeper(home), words, f"{home.run_dir(container_id)}/exit"]
        os.execv(sys.executable, [*python, *sleeper, *python, "-c", WAKE, source, order])
    except OSError:
        for fd in kept:
            os.set_inheritable(fd, False)


def compiled_sleeper(home: Home) -> str:
    """The sleeper as bytecode: compiling it would leave it a tenth larger. Raises OSError."""
    program = f"{__file__.rpartition('/')[0]}/sleeper.py"
    version = f"{sys.implementation.cache_tag}-{os.stat(program).st_mtime_ns}"
    compiled = f"{home.run_root}/programs/sleeper.{version}.pyc"
    if not os.path.exists(compiled):
        import py_compile  # which also makes the directory

        py_compile.compile(program, compiled, doraise=True)
    return compiled


def wake(order: str) -> None:
    """Where the sleeper's successor begins, with what `sleep` had to remember."""
    root, run_root, container_id, *held, idle_s = files.parse_json(order)
    process.set_title(f"cuddy monitor {container_id[:12]}")
    descriptors = Held(*held)
    for fd in (*descriptors[:3], *(fd for fd, _ in descriptors.outputs)):
        if fd >= 0:
            os.set_inheritable(fd, False)
    watch(Home(root, run_root), container_id, descriptors, idle_s=idle_s)


def bury(home: Home, record: Container, relay: Relay) -> None:
    """The container has ended: write down how, clear up, tell everybody."""
    container_id = record["Id"]
    document = state.read(home.run_root, container_id)
    _, wait_status = os.waitpid(document["pid"], 0)
    relay.log.close()
    cgroup = Cgroup.from_paths(document["cgroupPaths"])
    status = container.read_status(home, container_id)
    code, out_of_memory = process.exit_code(wait_status), cgroup.oom_kills() > 0
    status["State"] |= {
        "ExitCode": code,
        "OOMKilled": out_of_memory,
        "Status": "exited",
        "Running": False,
        "Pid": 0,
        "FinishedAt": files.now(),
    }
    removed = record["HostConfig"]["AutoRemove"]
    leaving = Undo()
    if removed:
        leaving.add(container.discard, home, container_id)
    leaving.add(clear, home, container_id, relay.listener)
    leaving.add(rootfs.umount_root, home, record)
    leaving.add(cgroup.remove)
    leaving.add(cgroup.kill)
    leaving.add(tell, home, record, status)
    if not removed:
        leaving.add(container.write_status, home, container_id, status, durable=True)
    leaving.run()
    relay.finish({"ExitCode": code, "OOMKilled": out_of_memory})
    relay.drain()


def tell(home: Home, record: Container, status: Status) -> None:
    """Note the end; by the name that the container has now."""
    record, state = container.read(home, record["Id"]), status["State"]
    if state["OOMKilled"]:
        events.emit_container(home, "oom", record)
    connection.note_disconnection(home, record)
    lived_ns = files.parse_time(state["FinishedAt"]) - files.parse_time(state["StartedAt"])
    outcome = {"exitCode": str(state["ExitCode"]), "execDuration": str(max(lived_ns, 0) // 10**9)}
    events.emit_container(home, "die", record, outcome)


def clear(home: Home, container_id: str, listener: _socket.socket | None) -> None:
    """Give back what does not vanish with us: address, run directory."""
    leaving = Undo()
    leaving.add(files.remove_tree, home.run_dir(container_id))
    leaving.add(connection.release, home, container_id)
    if listener:
        leaving.add(listener.close)
    leaving.run()
