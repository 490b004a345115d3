"""Changing what a sandbox stands on: alone, and so that a kill leaves one state or the other.

    note what is meant          exchange.json
    the directories change      upper goes aside, a fresh one comes
    the kernel's root changes   sandbox_root.py: from here on it is done
    the record says so
    the note goes

The next one who has the turn finds the note of a killed one, and asks the kernel on which side of
the change the sandbox is: it takes it back, or finishes it.
"""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import container, containers, sandbox_root, sandboxes
from cuddy.engine.sandbox_layers import NOTE
from cuddy.errors import NotPermitted, NotRunning
from cuddy.image import host, snapshots
from cuddy.kernel import namespaces
from cuddy.kernel.cgroup import Cgroup
from cuddy.runtime import state
from cuddy.shapes import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home

FRESH, OLD = "fresh", "old"
"""Directories in the sandbox's own: what comes, and what has gone."""


class Note(TypedDict):
    """What an exchange is about."""

    Before: list[int]  # the root, as `sandbox_root.identify` has it
    Chain: list[str]  # the layers to come
    Becomes: str  # the chain id as which the old upper directory is a layer; "" if it goes
    Snapshots: list[list[str]]  # as they will be


class Turn:
    """Inside `with`: `record` is the sandbox's as it is, and nobody comes in.

    Raises NoSuchContainer, InvalidArgument, NotRunning, Conflict.
    """

    def __init__(self, home: Home, name: str) -> None:
        self.home = home
        self.name = name
        self.id = containers.find_id(home, name)
        self.where = home.container_dir(self.id)
        self._lock = container.lock(home, self.id, name)
        self._entrance = sandboxes.entrance(home, self.id)
        self.record: Container = {}
        self._rubbish: list[str] = []

    def __enter__(self) -> Turn:
        self._lock.__enter__()
        try:
            self._entrance.__enter__()
            self.record = sandboxes.check(
                containers.read(self.home, self.id, locked=True), self.name
            )
            if not self.record["State"]["Running"]:
                raise NotRunning(self.name)
            self.settle()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entrance.close()
        self._lock.close()
        while self._rubbish:
            files.remove_tree(self._rubbish.pop())

    def others(self) -> list[int]:
        """The processes beside the first one."""
        document = state.read(self.home.run_root, self.id)
        group = Cgroup(document["cgroupPaths"])
        pids = group.pids() if group.paths else namespaces.members(document["pid"], "pid")
        return [pid for pid in pids if pid != document["pid"]]

    def exchange(self, chain: list[str], snapshots: list[list[str]], becomes: str = "") -> None:
        """Let it stand on other layers, with nothing written over them. `becomes`: the chain id of
        what has been written so far, which goes if it is "". No other process may be in it.
        """
        self.check_users()
        note: Note = {
            "Before": sandbox_root.identify(self.home, self.record),
            "Chain": chain, "Becomes": becomes, "Snapshots": snapshots,
        }  # fmt: skip
        path = f"{self.where}/{FRESH}"
        os.mkdir(path, 0o700)
        self.make_upper(path, chain, f"{self.where}/upper" if becomes else "")
        os.mkdir(f"{self.where}/{OLD}", 0o700)
        files.write_json(f"{self.where}/{NOTE}", note, durable=False)
        try:
            os.rename(f"{self.where}/upper", self.kept(note))
            os.rename(f"{self.where}/work", f"{self.where}/{OLD}/work")
            os.rename(f"{path}/upper", f"{self.where}/upper")
            os.rename(f"{path}/work", f"{self.where}/work")
            sandbox_root.exchange(self.home, {**self.record, "ChainIds": chain})
        except BaseException:
            self.settle()
            raise
        self.finish(note)

    def check_users(self) -> None:
        """Files of one user stand in a layer, and are not another's. Raises NotPermitted."""
        if self.record["HostConfig"]["IDMappings"]:
            raise NotPermitted("a sandbox with users of its own (--userns) has no snapshots")

    def make_upper(self, path: str, chain: list[str], top: str) -> None:
        """The directories for what is written over these layers. `top`: what is to be the uppermost
        of them, if it is none yet.
        """
        upper, work = f"{path}/upper", f"{path}/work"
        if self.record["Image"] == host.IMAGE.id:
            host.make_upper(upper, work, snapshots.paths(self.home.storage, chain))
        elif top:
            snapshots.make_upper_like(top, upper, work)
        else:
            snapshots.make_upper(self.home.storage, chain, upper, work)

    def kept(self, note: Note) -> str:
        """Where the old upper directory is from then on."""
        if note["Becomes"]:
            return snapshots.path(self.home.storage, note["Becomes"])
        return f"{self.where}/{OLD}/upper"

    def settle(self) -> None:
        """Take an exchange back, or finish it, as the kernel has it."""
        try:
            note: Note = files.read_json(f"{self.where}/{NOTE}")
        except FileNotFoundError:
            self.clear()
            return
        if sandbox_root.identify(self.home, self.record) == note["Before"]:
            self.take_back(note)
        else:
            sandbox_root.show(self.home, {**self.record, "ChainIds": note["Chain"]})
            self.finish(note)

    def take_back(self, note: Note) -> None:
        """The directories as they were."""
        for kept, path in (
            (self.kept(note), f"{self.where}/upper"),
            (f"{self.where}/{OLD}/work", f"{self.where}/work"),
        ):
            if os.path.isdir(kept):
                self.put_aside(path)
                os.rename(kept, path)
        self.forget()

    def finish(self, note: Note) -> None:
        """The record as it should be."""
        self.write(note["Chain"], note["Snapshots"])
        self.forget()

    def write(self, chain: list[str], snapshots: list[list[str]]) -> None:
        """Let the record say on what it stands, and to what it can go back."""

        def change(record: Container) -> None:
            record["ChainIds"] = chain
            record["Sandbox"]["Snapshots"] = snapshots

        # What is gone after a reboot need not be on the disk.
        container.change_record(self.home, self.id, change, durable=False)
        change(self.record)

    def forget(self) -> None:
        """The exchange is done with."""
        os.unlink(f"{self.where}/{NOTE}")
        self.clear()

    def clear(self) -> None:
        """What is left of exchanges goes out of sight."""
        for name in (FRESH, OLD):
            self.put_aside(f"{self.where}/{name}")

    def put_aside(self, path: str) -> None:
        """Take a tree away; its files are removed after the turn, or by the next command."""
        aside = f"{self.home.tmp_dir}/{files.name_temporary()}"
        try:
            os.rename(path, aside)
        except FileNotFoundError:
            return
        self._rubbish.append(aside)
