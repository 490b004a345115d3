"""`cuddy run --step`: says what each stage has changed, and lets the user look around in it.

At a terminal it waits after each stage; otherwise it tells all of them and goes on.
"""

from __future__ import annotations

import functools
import os
import sys
import textwrap

from cuddy.cli import boundary, foreground, terminal
from cuddy.engine import run_step
from cuddy.engine.run_step_stages import STAGES
from cuddy.escape import printable
from cuddy.image import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.engine.run_step import Lesson, Seen

WIDEST = 100
LABEL = 12
KEYS = "Enter: go on.  s: a shell in there.  A command: run it there.  q: end."
CHUNK = 1 << 16


def walk(home: Home, container_id: str) -> bool:
    """Build it stage by stage, and take it down; False if the user has seen enough."""
    guide = Guide(is_waiting=os.isatty(0) and os.isatty(1))
    with run_step.Lesson(home, container_id) as lesson:
        for seen in lesson.stages():
            guide.tell(seen)
            if not guide.wait(lesson, seen):
                return False
    guide.tell_end()
    return True


class Guide:
    """Who leads through it."""

    def __init__(self, *, is_waiting: bool) -> None:
        self.is_waiting = is_waiting
        self.is_trusted = False
        size = terminal.size() if is_waiting else None
        self.columns = min(size[1] if size else 80, WIDEST)
        self.has_colours = is_waiting and not os.environ.get("NO_COLOR")

    def say(self, *lines: str) -> None:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()

    def bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self.has_colours else text

    def tell(self, seen: Seen) -> None:
        """What the stage is, what it has changed, and by what."""
        stage = seen.stage
        number = [each.name for each in STAGES].index(stage.name) + 1
        self.say("", self.bold(f"{number}/{len(STAGES)} {stage.name}: {stage.title}"), "")
        if seen.left:
            self.say(*self.fold("left out", f"{seen.left}: nothing changes"))
            return
        self.say(*textwrap.wrap(stage.text, self.columns), "")
        changed = [key for key in seen.after if seen.after[key] != seen.before[key]]
        for key in changed:
            self.say(*self.fold(key, f"was  {printable(seen.before[key])}"))
            self.say(*self.fold("", f"is   {printable(seen.after[key])}"))
        same = [key for key in seen.after if key not in changed]
        self.say(*self.fold("as before", ", ".join(same)), "")
        for position, call in enumerate(seen.calls):
            self.say(*self.fold("" if position else "done by", printable(call)))
        self.say(*self.fold("man pages", stage.manual))
        self.say(*self.fold("our files", ", ".join(f"src/cuddy/{path}" for path in stage.files)))
        self.say(*self.fold("try", stage.exercise), *self.fold("", stage.answer))

    def fold(self, label: str, text: str) -> list[str]:
        """A label, and a text beside it."""
        first = f"{label:{LABEL}}"
        return textwrap.wrap(
            text, self.columns, initial_indent=first, subsequent_indent=" " * (LABEL + 2),
            break_on_hyphens=False,
        ) or [first]  # fmt: skip

    def tell_end(self) -> None:
        self.say(
            "",
            *textwrap.wrap(
                "That was all of it, and it has been taken down. The engine does the same in one"
                " go: one clone3 with all flags, then the list STEPS in src/cuddy/runtime/init.py."
                " Now your command:",
                self.columns,
            ),
            "",
        )

    def wait(self, lesson: Lesson, seen: Seen) -> bool:
        """Let the user look around; False to end."""
        if not self.is_waiting:
            return True
        self.say("", KEYS)
        while True:
            os.write(1, f"{seen.stage.name}> ".encode())
            typed = os.read(0, 4096)
            words = typed.decode(errors="surrogateescape").strip()
            if not typed or words in ("q", "quit"):
                return False
            if not words:
                return True
            if seen.stage.own_root and not self.trusts(lesson, seen):
                continue
            command = "" if words in ("s", "sh", "shell") else words
            boundary.attempt(functools.partial(visit, lesson, seen, command))

    def trusts(self, lesson: Lesson, seen: Seen) -> bool:
        """Whether programs of the image may run before all locks are on."""
        is_locked = seen.stage.name == STAGES[-1].name and not seen.left
        if self.is_trusted or is_locked or lesson.record["Image"] == host.IMAGE.id:
            return True
        os.write(
            1,
            b"This runs a program of the image's with all of root's power: the locks that keep it\n"
            b"from the host are not on yet. Only if you trust the image. Run it? [y/N] ",
        )
        self.is_trusted = os.read(0, 4096).strip().lower() in (b"y", b"yes")
        return self.is_trusted


def visit(lesson: Lesson, seen: Seen, command: str) -> int:
    """A shell at a terminal of its own, or a command; its exit code. Raises CuddyError."""
    import pty

    env = [f"PS1=[{seen.stage.name}] # ", f"TERM={os.environ.get('TERM', 'linux')}"]
    if seen.stage.own_root:
        env = [*lesson.environment, *env]
    else:
        env = [*(f"{key}={value}" for key, value in os.environ.items()), *env]
    words = ["/bin/sh", "-c", command] if command else ["/bin/sh"]
    master, slave = pty.openpty()
    try:
        if size := terminal.size():
            os.set_inheritable(master, False)
            terminal_size(slave, size)
        lesson.start_shell(slave, words, env)
    finally:
        os.close(slave)
    streams = Streams(master)
    try:
        foreground.converse(streams, stdin=True, keys=b"")
    finally:
        streams.close()
    return lesson.shell_ended()


def terminal_size(fd: int, size: tuple[int, int]) -> None:
    """Tell a terminal how large its window is."""
    from cuddy.kernel import pty

    pty.set_size(fd, pty.Size(*size))


class Streams:
    """Our end of the shell's terminal, for the loop that joins it to the user's."""

    tty = True

    def __init__(self, master: int) -> None:
        os.set_blocking(master, False)
        self.master = master

    def fileno(self) -> int:
        return self.master

    def write_fileno(self) -> int:
        return self.master

    def receive(self) -> list[tuple[int, bytes]]:
        """What it says. Raises EOFError when nobody has it open any more."""
        try:
            data = os.read(self.master, CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            raise EOFError from None
        if not data:
            raise EOFError
        return [(1, data)]

    def send(self, data: bytes) -> int:
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)  # nobody reads any more

    def wants_write(self) -> bool:
        return False

    def flush(self) -> None:
        """Nothing is kept back here."""

    def close_stdin(self) -> None:
        """The user's terminal is gone; so will the shell's be when we are."""

    def resize(self, rows: int, columns: int) -> None:
        terminal_size(self.master, (rows, columns))

    def detach(self) -> None:
        """Nobody can leave it running."""

    def close(self) -> None:
        os.close(self.master)
