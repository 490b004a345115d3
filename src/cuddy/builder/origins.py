"""Where COPY, ADD and the mounts of RUN read: the build context, stages, images, named contexts.

A name means the named context of the user's first, then a stage above, then an image. What lies in
layers is mounted where it is read, which only a workshop can: elsewhere what was read of the same
layers before is remembered (`layer_inputs.py`).
"""

from __future__ import annotations

import os

from cuddy.builder import sources
from cuddy.builder.instructions import Copy, Place
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cuddy.builder.context import Context
    from cuddy.builder.inputs import Reading
    from cuddy.builder.named_contexts import Contexts, Named
    from cuddy.builder.plan import Plan
    from cuddy.builder.remote_sources import RemoteSources
    from cuddy.builder.run_view import Origin
    from cuddy.builder.snapshot import Snapshot
    from cuddy.builder.stage_run import Outcome
    from cuddy.builder.stages import Stage
    from cuddy.builder.state import State
    from cuddy.builder.tree import Tree
    from cuddy.image.settings import Settings

    Bring = Callable[[str], State]
    Ask = Callable[[int], Outcome]


CONTEXT = ""
"""The name of the build context itself."""


class Origins:
    """What can be read by a build; `bring` finds images, and only the driver calls it.

    `ask` waits for the outcome of a stage: a workshop has it, the driver has None.
    """

    def __init__(
        self, plan: Plan, context: Context, named: Contexts | dict[str, Named],
        outcomes: dict[int, Outcome], bring: Bring, scratch: str, settings: Settings,
    ) -> None:  # fmt: skip
        self.plan = plan
        self.context = context
        self.named = named
        self.outcomes = outcomes
        self.ask: Ask | None = None
        self.scratch = scratch
        self.settings = settings
        self._bring = bring
        self._remote: RemoteSources | None = None
        self._images: dict[str, State] = {}
        self._trees: dict[str, Tree] = {}
        self._readings: dict[tuple[int, Copy], Reading] = {}

    def close(self) -> None:
        """Let go of what was fetched; more than once is fine."""
        if self._remote:
            self._remote.close()

    def prepare(self, stage: Stage, name: str) -> None:
        """Have what a name means in a stage at hand, unless it is a stage. Raises CuddyError."""
        if self.plan.stages.find(stage, name) or name in self._images:
            return
        if name in self.named:
            found = self.named[name]
            if found.state:
                self._images[name] = found.state
        elif not name.isdecimal():
            self._images[name] = self._bring(name)

    def named_tree(self, stage: Stage, name: str) -> Tree | None:
        """The files that a name of the user's means."""
        if self.plan.stages.find(stage, name) or name not in self.named:
            return None
        return self.named[name].tree

    def state(self, stage: Stage, name: str) -> State | None:
        """The image that a name means in a stage; None while it is still to be built.

        Raises InvalidArgument for a name that means none.
        """
        if other := self.plan.stages.find(stage, name):
            if other.number not in self.outcomes and self.ask:
                self.outcomes[other.number] = self.ask(other.number)
            found = self.outcomes.get(other.number)
            return found.state if found else None
        if name not in self._images:
            raise InvalidArgument(f"invalid from flag value {name}: there is no such stage above")
        return self._images[name]

    def tree(self, stage: Stage, name: str) -> Tree | None:
        """What a name means, to be read; None where it cannot be. It stays open."""
        if name == CONTEXT:
            return self.context.tree
        if named := self.named_tree(stage, name):
            return named
        state = self.state(stage, name)
        if state is None or self.ask is None:
            return None
        key = state.layers[-1].chain_id if state.layers else "scratch"
        if key not in self._trees:
            self._trees[key] = self.mount(state, name)
        return self._trees[key]

    def mount(self, state: State, name: str) -> Tree:
        """A view of layers, as long as this process lives."""
        from cuddy.builder import snapshot, tree

        fd = snapshot.open_view(self.plan.home.storage, state.chain_ids)
        return tree.Tree(fd, f"files of {name}")

    def read(self, stage: Stage, copy: Copy) -> Reading | None:
        """What a COPY or ADD reads; None where that cannot be known. Raises CuddyError.

        A workshop knows what the driver has read: what changes in between, the copy itself shows.
        """
        key = (stage.number, copy)
        if key not in self._readings:
            reading = self._read(stage, copy)
            if reading is None:
                return None
            self._readings[key] = reading
        return self._readings[key]

    def _read(self, stage: Stage, copy: Copy) -> Reading | None:
        from cuddy.builder import inputs, layer_inputs

        home = self.plan.home
        found = self.tree(stage, copy.from_)
        if found and (copy.from_ == CONTEXT or self.named_tree(stage, copy.from_)):
            return inputs.digest(home, found, copy, self.remote(copy))
        state = self.state(stage, copy.from_)
        if state is None:
            return None
        if (known := layer_inputs.recall(home, state, copy)) is not None:
            return known
        if found is None:
            return None
        reading = inputs.digest(home, found, copy)
        layer_inputs.remember(home, state, copy, reading)
        return reading

    def remote(self, copy: Copy) -> RemoteSources | None:
        """What brings the URLs among the sources; None if there are none."""
        if self._remote is None and any(map(sources.is_remote, copy.sources)):
            # Imported here: hardly any build fetches something itself.
            from cuddy.builder import git_access
            from cuddy.builder.remote_sources import RemoteSources

            notes_dir = f"{self.plan.home.build_dir}/digests"
            access = git_access.of(self.plan.options)
            self._remote = RemoteSources(self.scratch, self.settings, notes_dir, access)
        return self._remote

    def read_mount(self, stage: Stage, name: str, source: str) -> str | None:
        """A digest of what a bind mount shows; None where that cannot be known."""
        if name != CONTEXT and not self.named_tree(stage, name):
            state = self.state(stage, name)
            return None if state is None else " ".join(state.chain_ids[-1:]) or "nothing"
        whole = Copy(Place(0, 0), "", False, (source or "/",), "/", from_=name)
        reading = self._read(stage, whole)
        return reading.digest if reading else None

    def origin(self, stage: Stage, name: str) -> Origin:
        """Where a mount's files come from. Raises InvalidArgument."""
        from cuddy.builder.run_view import Origin

        if name == CONTEXT or self.named_tree(stage, name):
            return Origin(tree=self.tree(stage, name), key=f"context {name}")
        state = self.state(stage, name)
        assert state
        return Origin(tuple(state.chain_ids), key=" ".join(state.chain_ids[-1:]))

    def copy(self, stage: Stage, copy: Copy, snapshot: Snapshot) -> str:
        """Carry out a COPY or ADD in a mounted snapshot; the stamp of what it read.

        Raises CuddyError.
        """
        from cuddy.builder import copy as copies

        found = self.tree(stage, copy.from_)
        assert found
        root_fd = os.open(snapshot.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return copies.copy(root_fd, copy, found, self.plan.epoch, self.remote(copy))
        finally:
            os.close(root_fd)
