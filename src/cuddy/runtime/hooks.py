"""Hooks: programs of the bundle's author, run at points of the life cycle (config.md
"POSIX-platform Hooks"). Each gets the container's state as JSON on its standard input.
"""

from __future__ import annotations

import _signal
import os
import select

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
    cwd: str,
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


def run_late(kind: str, document: State) -> list[str]:
    """Run hooks whose failure changes nothing any more; returns a warning for each that failed."""
    warnings = []
    shown = state.public(document)
    for number, hook in enumerate(document.get("hooks", {}).get(kind, ())):
        try:
            run_one(hook, f"{kind} hook #{number}", shown, "/", execute)
        except (SystemFailure, OSError) as error:
            warnings.append(str(error))
    return warnings


def run_one(
    hook: Hook, name: str, document: State, cwd: str, become: Callable[[Hook], None]
) -> None:
    """Run one hook and judge its end."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        begin(hook, read_end, cwd, become)
    os.close(read_end)
    try:
        os.write(write_end, files.format_json(document).encode())
    except BrokenPipeError:
        pass  # a hook need not read its input
    finally:
        os.close(write_end)
    if problem := wait(pid, hook.get("timeout", 0)):
        raise SystemFailure(f"error running {name}: {hook['path']}: {problem}")


def begin(hook: Hook, stdin: int, cwd: str, become: Callable[[Hook], None]) -> None:
    """The child's side: never returns."""
    try:
        process.reset_signals()
        os.dup2(stdin, 0)
        process.close_on_exec_from(3)
        os.chdir(cwd)
        become(hook)
    finally:
        os._exit(127)


def execute(hook: Hook) -> None:
    """Become the hook's program."""
    pairs = (entry.partition("=") for entry in hook.get("env", []))
    environment = {name: value for name, _, value in pairs}
    os.execve(hook["path"], hook.get("args") or [hook["path"]], environment)


def wait(pid: int, timeout_s: int) -> str:
    """What was wrong with a child's end, or nothing; it is killed when its time is over."""
    pidfd = process.pidfd_open(pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    ended = poll.poll(timeout_s * 1000 if timeout_s else None)
    if not ended:
        process.pidfd_send_signal(pidfd, 9)
    os.close(pidfd)
    _, status = os.waitpid(pid, 0)
    if not ended:
        return f"did not end in {timeout_s} s"
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"signal: {(_signal.strsignal(-code) or str(-code)).lower()}"
    return f"exit status {code}" if code else ""
