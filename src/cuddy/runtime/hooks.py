"""Hooks: programs of the bundle's author, run at points of the life cycle (config.md
"POSIX-platform Hooks"). Each gets the container's state as JSON on its standard input.
"""

from __future__ import annotations

import _signal
import os
import select
import time

from cuddy import files
from cuddy.errors import SystemFailure
from cuddy.kernel import process
from cuddy.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.runtime.spec import Config, Hook, State

AT_CREATION = ("prestart", "createRuntime", "createContainer")
LATE = ("poststart", "poststop")
OUTPUT_LIMIT = 2048
"""Bytes of a failing hook's output that its error shows."""


def at_creation(config: Config) -> bool:
    """Whether anything has to run while init waits with its mounts made."""
    return any(config.get("hooks", {}).get(kind) for kind in AT_CREATION)


def of_start(config: Config) -> bool:
    """Whether anything has to run in the container before its program."""
    return bool(config.get("hooks", {}).get("startContainer"))


def run(
    config: Config,
    kind: str,
    document: State,
    cwd: str | int,
    become: Callable[[Hook], None] | None = None,
) -> None:
    """Run all hooks of one kind in order. The first that fails raises SystemFailure.

    `become`: how a child becomes a hook's program, if not by execve(2) alone.
    """
    for number, hook in enumerate(config.get("hooks", {}).get(kind, ())):
        run_one(hook, f"{kind} hook #{number}", document, cwd, become or execute)


def late(config: Config) -> dict[str, list[Hook]]:
    """The hooks of after the creation: kept in state.json, as the bundle may change or go."""
    found = config.get("hooks", {})
    return {kind: found[kind] for kind in LATE if found.get(kind)}


def run_poststart(document: State) -> None:
    """The hooks of a program that has just begun. The first that fails raises SystemFailure."""
    for number, hook in enumerate(document.get("hooks", {}).get("poststart", ())):
        name = f"poststart hook #{number}"
        run_one(hook, name, state.public(document), bundle_of(document), execute)


def run_poststop(document: State) -> list[str]:
    """The hooks of a container that is gone: they all run; a warning for each that failed."""
    warnings = []
    for number, hook in enumerate(document.get("hooks", {}).get("poststop", ())):
        try:
            name = f"poststop hook #{number}"
            run_one(hook, name, state.public(document), bundle_of(document), execute)
        except (SystemFailure, OSError) as error:
            warnings.append(str(error))
    return warnings


def bundle_of(document: State) -> str:
    """Where the hooks run: in the bundle, which may be gone by now."""
    return document["bundle"] if os.path.isdir(document["bundle"]) else "/"


def run_one(
    hook: Hook, name: str, document: State, cwd: str | int, become: Callable[[Hook], None]
) -> None:
    """Run one hook and judge its end. What it prints is for the error, as runc has it: standard
    output is the container's.
    """
    stdin = os.memfd_create("state")  # no pipe: a hook need not read, and a state may be long
    os.write(stdin, files.format_json(document).encode())
    os.lseek(stdin, 0, os.SEEK_SET)
    output, output_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        begin(hook, stdin, output_end, cwd, become)
    os.close(stdin)
    os.close(output_end)
    problem, said = wait(pid, output, hook.get("timeout", 0))
    os.close(output)
    if problem:
        text = " ".join(said.decode(errors="replace").split())
        raise SystemFailure(
            f"error running {name}: {hook['path']}: {problem}"
            + (f", output: {text}" if text else "")
        )


def begin(
    hook: Hook, stdin: int, output: int, cwd: str | int, become: Callable[[Hook], None]
) -> None:
    """The child's side: never returns."""
    try:
        process.reset_signals()
        os.set_blocking(output, True)
        for fd, standard in ((stdin, 0), (output, 1), (output, 2)):
            os.dup2(fd, standard)
        process.close_on_exec_from(3)
        os.chdir(cwd)
        become(hook)
    finally:
        os._exit(127)


def execute(hook: Hook) -> None:
    """Become the hook's program."""
    arguments = hook.get("args") or [hook["path"]]
    if hook.get("env") is None:
        os.execv(hook["path"], arguments)  # with the caller's environment, as runc has it
    pairs = (entry.partition("=") for entry in hook["env"])
    os.execve(hook["path"], arguments, {name: value for name, _, value in pairs})


def wait(pid: int, output: int, timeout_s: int) -> tuple[str, bytes]:
    """What was wrong with a child's end, or nothing, and the first of what it printed; it is killed
    when its time is over.
    """
    pidfd = process.pidfd_open(pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(output, select.POLLIN)
    deadline = time.monotonic() + timeout_s
    said, ended = b"", False
    while not ended:
        left = deadline - time.monotonic()
        if timeout_s and left <= 0:
            break
        ready = dict(poll.poll(left * 1000 if timeout_s else None))
        ended = pidfd in ready
        chunk = read_some(output)
        if not chunk and output in ready:  # nobody can print any more
            poll.unregister(output)
        said += chunk[: OUTPUT_LIMIT - len(said)]
    if not ended:
        process.pidfd_send_signal(pidfd, 9)
    os.close(pidfd)
    _, status = os.waitpid(pid, 0)
    if not ended:
        return f"did not end in {timeout_s} s", said
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"signal: {(_signal.strsignal(-code) or str(-code)).lower()}", said
    return f"exit status {code}" if code else "", said


def read_some(output: int) -> bytes:
    """What there is to read, which may be nothing. What a hook leaves running may still print."""
    try:
        return os.read(output, 65536)
    except BlockingIOError:
        return b""
