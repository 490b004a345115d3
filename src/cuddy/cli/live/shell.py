"""A shell in a container, while the live view is suspended and the terminal is the shell's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

NO_SHELL = (125, 126, 127)
"""How `exec` ends when there is no shell, or no container any more."""
PATIENCE_S = 2.0


class _Asked(Exception):
    """The view is asked to end while the shell has the terminal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def run_shell(words: list[str], environment: Mapping[str, str], name: str) -> int:
    """Run the command until it ends; 0, or the exit code with which the view has to end as well."""
    print(f"\x1b[H\x1b[Ja shell in {printable(name)}: 'exit' leads back to the view", flush=True)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, _ask)
    child = subprocess.Popen(words, env=dict(environment))
    try:
        code = child.wait()
        if code in NO_SHELL and os.isatty(0):
            print("press Enter to go on", end="", flush=True)
            sys.stdin.readline()
    except _Asked as asked:
        return 128 + asked.number
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _end(child)
    return 0


def _ask(number: int, frame: object) -> NoReturn:
    raise _Asked(number)


def _end(child: subprocess.Popen[bytes]) -> None:
    """It must not keep the terminal."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
