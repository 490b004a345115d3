"""What the page may ask for: of the API what it needs, and what only it needs.

It is not all of the API: whoever steals a token gets into containers, which is bad enough, but can
make none, and so none with the host's root in it.
"""

from __future__ import annotations

from functools import partial

from cuddy.api import container, containers, execs, images, lives, logs, system
from cuddy.api.dashboard import explain, files, layers, samples, terminal
from cuddy.api.routes import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def table(outside: Mapping[str, int]) -> Table:
    """The endpoints. `outside`: the namespaces of the host's side, for `explain`."""
    own_files = [("GET", path, files.serve) for path in files.FILES]
    return Table(
        (
            *own_files,
            ("GET", "/version", system.version),
            ("GET", "/containers/json", containers.list_),
            ("GET", "/containers/{name}/json", container.inspect_),
            ("GET", "/containers/{name}/top", container.top_),
            ("GET", "/containers/{name}/logs", logs.logs_),
            ("POST", "/containers/{name}/start", lives.start_),
            ("POST", "/containers/{name}/stop", lives.stop_),
            ("POST", "/containers/{name}/restart", lives.restart_),
            ("POST", "/containers/{name}/exec", execs.create),
            ("GET", "/exec/{name}/json", execs.inspect),
            ("POST", "/exec/{name}/resize", execs.resize),
            ("GET", "/images/json", images.list_),
            ("GET", "/images/{name:.*}/history", images.history),
            ("GET", "/cuddy/samples", samples.samples),
            ("GET", "/cuddy/exec/{name}/terminal", terminal.terminal),
            ("GET", "/cuddy/containers/{name}/explain", partial(explain.explain_, outside)),
            ("GET", "/cuddy/images/{name:.*}/layers", layers.layers),
        ),
        plain={
            files.serve,
            system.version,
            containers.list_,
            container.inspect_,
            images.list_,
            samples.samples,
        },
    )
