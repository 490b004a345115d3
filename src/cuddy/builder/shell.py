"""A shell where a step has failed: its files, mounts, environment and user (`cuddy build shell`).

What is done in it stays for the next shell, and never becomes part of an image.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import failure as failures
from cuddy.builder import snapshot
from cuddy.builder.run import Lent, Running
from cuddy.builder.run_view import Origin
from cuddy.builder.secrets import Secrets
from cuddy.builder.ssh import Agents
from cuddy.builder.tree import Tree
from cuddy.errors import Conflict, InvalidArgument, NotFound, SystemFailure
from cuddy.image import snapshots
from cuddy.kernel import overlay, pty
from cuddy.undo import Closing, Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cuddy.builder.failure import Failure
    from cuddy.builder.mounts_flag import Mount
    from cuddy.engine.build_run import Output
    from cuddy.engine.home import Home

SHELL = "/bin/sh"
CHUNK_BYTES = 1 << 16


class Shell(Closing):
    """A shell in a failed step. With a terminal it is something to converse with (`Streams` of
    `cli/foreground.py`), otherwise `attend` waits for its end.

    It enters a mount namespace of its own: the process should do nothing else afterwards.
    """

    def __init__(
        self, home: Home, build_id: str = failures.LAST, *, command: Sequence[str] = (),
        environment: Mapping[str, str], tty: bool, warn: Callable[[str], object] = str,
    ) -> None:  # fmt: skip
        """`environment`: the user's, for secrets and agents. Raises CuddyError."""
        self.home = home
        self.tty = tty
        self.warn = warn
        self.exit_code: int | None = None
        self.failure = failures.read(home, build_id)
        self._leaving = Undo()
        self._queue = b""
        try:
            self._begin(tuple(command) or (shell_of(self.failure),), environment)
        except BaseException:
            self._leaving.run()
            raise

    def _begin(self, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self._lock()
        snapshot.enter_private()
        root = self._mount()
        secrets = Secrets(self.failure.options.secrets, environment)
        lent = Lent(self._find, secrets, self._agents(environment))
        mounts = tuple(each for each in self.failure.wanted.mounts if self._is_there(each, lent))
        wanted = self.failure.wanted._replace(argv=command, mounts=mounts, script=None)
        running = Running(
            self.home, wanted, root, self.failure.options, lent, self.warn,
            tty=self.tty, stdin=-1 if self.tty else 0,
        )  # fmt: skip
        self.step = running.__enter__().step
        self._leaving.add(running.__exit__)
        if self.tty:
            os.set_blocking(self.step.terminal_fd, False)

    def _lock(self) -> None:
        lock = files.Lock(f"{self.failure.directory(self.home)}/lock")
        try:
            if not lock.attempt():
                raise Conflict("somebody is in that step already", hint="one shell at a time")
        except FileNotFoundError:
            raise NotFound(f"no such build: {self.failure.build_id}") from None
        self._leaving.add(lock.close)

    def _mount(self) -> str:
        """The step's root, as it was when it failed."""
        storage = self.home.storage
        for chain_id in self.failure.chain_ids:
            if not snapshots.has(storage, chain_id):
                hint = "build it again: then it fails again"
                raise NotFound("layers below the step have been removed", hint=hint)
        room = f"{self.home.tmp_dir}/{files.name_temporary()}"
        upper = f"{self.failure.directory(self.home)}/upper"
        try:
            for path in (room, f"{room}/work", f"{room}/root"):
                os.mkdir(path, 0o700)
            self._leaving.add(files.remove_tree, room)
            root = f"{room}/root"
            chain_ids = self.failure.chain_ids
            overlay.perform(
                snapshots.prepare(storage, chain_ids, upper, f"{room}/work", root)
            )  # fmt: skip
            self._leaving.add(snapshot.unmount, root)
        except OSError as error:
            raise SystemFailure.from_os("cannot mount the root of the step", error) from error
        return root

    def _agents(self, environment: Mapping[str, str]) -> Agents:
        try:
            return Agents(self.failure.options.ssh, environment)
        except (InvalidArgument, NotFound) as error:
            self.warn(f"there is no ssh agent: {error}")
            return Agents((), environment)

    def _is_there(self, each: Mount, lent: Lent) -> bool:
        """Whether a mount can be made again; secrets and agents may be gone with the build."""
        try:
            if each.type == "secret" and each.is_required:
                name = each.source or each.id or os.path.basename(each.target)
                if lent.secrets.read(name) is None:
                    raise NotFound(f"secret {name}: not found")
            if each.type == "ssh" and each.is_required and lent.agents.get(each.id) is None:
                raise NotFound("no SSH key")
            if each.type == "bind" or each.from_:
                self._find(each.from_)
        except (InvalidArgument, NotFound, OSError) as error:
            self.warn(f"not mounted: {each.target or each.type}: {error}")
            return False
        return True

    def _find(self, name: str) -> Origin:
        """What `from` of a mount means by now."""
        place = self.failure.places.get(name)
        if place is None:
            raise NotFound(f"{name or 'the build context'}: not kept")
        if not place.path:
            storage = self.home.storage
            if not all(snapshots.has(storage, each) for each in place.chain_ids):
                raise NotFound(f"the layers of {name} have been removed")
            return Origin(place.chain_ids, key=name)
        try:
            fd = os.open(place.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            raise NotFound(f"the {place.name} is gone", hint=place.path) from None
        self._leaving.add(os.close, fd)
        return Origin(tree=Tree(fd, place.name), key=name)

    def attend(self, output: Output) -> int:
        """Without a terminal: hand on what it writes until its end; its exit code."""
        self.exit_code = self.step.attend(output)
        return self.exit_code

    def fileno(self) -> int:
        """The descriptor to poll."""
        return self.step.terminal_fd

    def receive(self) -> list[tuple[int, bytes]]:
        """What it wrote. Raises EOFError when it has ended; `exit_code` then says how."""
        try:
            data = os.read(self.step.terminal_fd, CHUNK_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            data = b""  # nobody has the terminal open any more
        if not data:
            self.exit_code = self.step.find_end()
            raise EOFError
        return [(1, data)]

    def send(self, data: bytes) -> int:
        """Type something; how much of it was taken."""
        try:
            return os.write(self.step.terminal_fd, data)
        except BlockingIOError:
            return 0

    def wants_write(self) -> bool:
        """Whether something typed still waits here."""
        return False

    def write_fileno(self) -> int:
        """The descriptor that is to become writable."""
        return self.step.terminal_fd

    def flush(self) -> None:
        """Nothing waits here."""

    def close_stdin(self) -> None:
        """The user's input has ended: so does a shell's."""
        self.send(b"\x04")

    def resize(self, rows: int, columns: int) -> None:
        """The user's window has another size."""
        pty.set_size(self.step.terminal_fd, pty.Size(rows, columns))

    def detach(self) -> None:
        """There is nothing that would go on."""

    def close(self) -> None:
        """End it, and take everything down but what it has changed."""
        self._leaving.run()


def shell_of(failure: Failure) -> str:
    """The program to talk to: that of SHELL."""
    shell = failure.shell[0] if failure.shell else SHELL
    if "\0" in shell:
        raise InvalidArgument(f"NUL character in {shell!r}")
    return shell
