"""Which runtime makes a container: cuddy's own, as a library, or another program with the OCI
command line (`--runtime runc`, `crun`, `runsc`, or a path).
"""

from __future__ import annotations

from cuddy.engine import limits
from cuddy.engine.host_config import RUNTIME
from cuddy.runtime import create, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from cuddy.engine.container import Container
    from cuddy.engine.home import Home
    from cuddy.runtime.bundle import Bundle
    from cuddy.runtime.create import Birth
    from cuddy.runtime.spec import Config

    Stdio = tuple[int, int, int] | None

    class Runtime(Protocol):
        """What makes a container of a bundle."""

        def fit(self, config: Config) -> None:
            """Put the config into words that the runtime understands."""

        def begin(self, bundle: Bundle, container_id: str, state_root: str, stdio: Stdio) -> Birth:
            """Make the container's namespaces; its mounts may go on meanwhile."""

        def finish(self, birth: Birth) -> None:
            """Wait until nothing but the program is missing."""

        def start(self, birth: Birth) -> None:
            """Let the program begin."""

        def abort(self, birth: Birth) -> None:
            """Take everything back."""


class Own:
    """cuddy's own."""

    def fit(self, config: Config) -> None:
        pass

    def begin(self, bundle: Bundle, container_id: str, state_root: str, stdio: Stdio) -> Birth:
        maker = limits.cgroup_maker()
        options = create.Options(stdio=stdio, die_with_parent=True, cgroups=maker)
        return create.begin(bundle, container_id, state_root=state_root, options=options)

    def finish(self, birth: Birth) -> None:
        create.finish(birth)

    def start(self, birth: Birth) -> None:
        start.start(birth.state_root, birth.id)
        create.await_program(birth)

    def abort(self, birth: Birth) -> None:
        create.abort(birth)


def of(home: Home, record: Container) -> Runtime:
    """The runtime of a container. Raises InvalidArgument if it is there no longer."""
    name = record["HostConfig"]["Runtime"]
    if name == RUNTIME:
        return Own()
    # Imported here: most containers have ours.
    from cuddy.engine import other_runtimes

    return other_runtimes.Other(other_runtimes.command(name, record))
