"""Hooks: programs of the bundle's author, run at points of the life cycle (config.md
"POSIX-platform Hooks"). Each gets the container's state as JSON on its standard input.
"""

from __future__ import annotations

import os
import select

from cuddy import files
from cuddy.errors import SystemFailure
from cuddy.kernel import process
from cuddy.runtime import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.spec import Config, Hook, State

AT_CREATION = ("prestart", "createRuntime", "createContainer")
LATE = ("poststart", "poststop")


def at_creation(config: Config) -> bool:
    """Whether anything has to run while init waits with its mounts made."""
    return any(config.get("hooks", {}).get(kind) for kind in AT_CREATION)


def run(config: Config, kind: str, document: State, cwd: str) -> None:
    """Run all hooks of one kind in order. The first that fails raises SystemFailure."""
    for hook in config.get("hooks", {}).get(kind, ()):
        run_one(hook, kind, document, cwd)


def late(config: Config) -> dict[str, list[Hook]]:
    """The hooks of after the creation: kept in state.json, as the bundle may change or go."""
    found = config.get("hooks", {})
    return {kind: found[kind] for kind in LATE if found.get(kind)}


def run_late(kind: str, document: State) -> list[str]:
    """Run hooks whose failure changes nothing any more; returns a warning for each that failed."""
    warnings = []
    shown = state.public(document)
    for hook in document.get("hooks", {}).get(kind, ()):
        try:
            run_one(hook, kind, shown, "/")
        except (SystemFailure, OSError) as error:
            warnings.append(str(error))
    return warnings


def run_one(hook: Hook, kind: str, document: State, cwd: str) -> None:
    """Run one hook and judge its end."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        exec_hook(hook, read_end, cwd)
    os.close(read_end)
    try:
        os.write(write_end, files.format_json(document).encode())
    except BrokenPipeError:
        pass  # a hook need not read its input
    finally:
        os.close(write_end)
    code = wait(pid, hook.get("timeout", 0))
    if code is None:
        raise SystemFailure(f"{kind} hook {hook['path']} did not end in {hook['timeout']} s")
    if code:
        raise SystemFailure(f"{kind} hook {hook['path']} failed with exit code {code}")


def exec_hook(hook: Hook, stdin: int, cwd: str) -> None:
    """The child's side: never returns."""
    try:
        process.reset_signals()
        os.dup2(stdin, 0)
        process.close_on_exec_from(3)
        os.chdir(cwd)
        pairs = (entry.partition("=") for entry in hook.get("env", []))
        environment = {name: value for name, _, value in pairs}
        os.execve(hook["path"], hook.get("args") or [hook["path"]], environment)
    finally:
        os._exit(127)


def wait(pid: int, timeout_s: int) -> int | None:
    """The exit code of a child, or None after killing it when its time is over."""
    pidfd = process.pidfd_open(pid)
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    ended = poll.poll(timeout_s * 1000 if timeout_s else None)
    if not ended:
        process.pidfd_send_signal(pidfd, 9)
    os.close(pidfd)
    _, status = os.waitpid(pid, 0)
    return process.exit_code(status) if ended else None
