"""Which handler answers which request.

`{name}` is one step of a path, `{name:.*}` as many as there are, since names of images have
slashes. The first line that fits answers, so what is more particular stands above.
"""

from __future__ import annotations

import re

from cuddy.api import (
    absent,
    archive,
    attach,
    build,
    commit,
    container,
    containers,
    create,
    df,
    distribution,
    events,
    execs,
    image_archives,
    image_create,
    images,
    lives,
    logs,
    networks,
    push,
    stats,
    system,
    volumes,
    wait,
)
from cuddy.api.errors import PageNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cuddy.api.http import Handler

    Row = tuple[str, str, Handler]

ROUTES: tuple[Row, ...] = (
    ("GET", "/_ping", system.ping),
    ("HEAD", "/_ping", system.ping),
    ("GET", "/version", system.version),
    ("GET", "/info", system.info),
    ("GET", "/events", events.events_),
    ("GET", "/system/df", df.df_),
    ("GET", "/containers/json", containers.list_),
    ("GET", "/plugins", absent.plugins),
    ("GET", "/plugins/{name:.*}/json", absent.no_plugin),
    ("GET", "/plugins/privileges", absent.no_plugins),
    ("POST", "/plugins/{name:.*}", absent.no_plugins),
    ("DELETE", "/plugins/{name:.*}", absent.no_plugin),
    ("POST", "/swarm/leave", absent.is_in_no_swarm),
    ("POST", "/swarm/init", absent.no_swarm),
    ("POST", "/swarm/join", absent.no_swarm),
    *(
        (method, f"/{word}{rest}", absent.leads_no_swarm)
        for word in absent.SWARM
        for rest in ("", "/{name:.*}")
        for method in absent.METHODS
    ),
    ("GET", "/networks", networks.list_networks),
    ("POST", "/networks/create", networks.create),
    ("POST", "/networks/prune", networks.prune),
    ("GET", "/networks/{name:.*}", networks.inspect),
    ("DELETE", "/networks/{name:.*}", networks.remove),
    ("POST", "/networks/{name:.*}/connect", networks.join),
    ("POST", "/networks/{name:.*}/disconnect", networks.leave),
    ("GET", "/volumes", volumes.list_volumes),
    ("POST", "/volumes/create", volumes.create),
    ("POST", "/volumes/prune", volumes.prune),
    ("GET", "/volumes/{name}", volumes.inspect),
    ("DELETE", "/volumes/{name}", volumes.remove),
    ("POST", "/containers/create", create.create_),
    ("POST", "/containers/prune", containers.prune),
    ("GET", "/containers/{name:.*}/json", container.inspect_),
    ("GET", "/containers/{name:.*}/top", container.top_),
    ("GET", "/containers/{name:.*}/changes", container.changes),
    ("GET", "/containers/{name:.*}/export", container.export_),
    ("POST", "/containers/{name:.*}/start", lives.start_),
    ("POST", "/containers/{name:.*}/stop", lives.stop_),
    ("POST", "/containers/{name:.*}/restart", lives.restart_),
    ("POST", "/containers/{name:.*}/kill", lives.kill_),
    ("POST", "/containers/{name:.*}/pause", lives.pause_),
    ("POST", "/containers/{name:.*}/unpause", lives.unpause_),
    ("POST", "/containers/{name:.*}/rename", container.rename_),
    ("POST", "/containers/{name:.*}/update", container.update_),
    ("DELETE", "/containers/{name:.*}", container.remove),
    ("GET", "/images/json", images.list_),
    ("GET", "/images/search", images.search),
    ("GET", "/images/get", image_archives.get),
    ("POST", "/images/create", image_create.create),
    ("POST", "/images/load", image_archives.load_),
    ("POST", "/images/prune", images.prune_),
    ("GET", "/images/{name:.*}/json", images.inspect),
    ("GET", "/images/{name:.*}/history", images.history),
    ("GET", "/images/{name:.*}/get", image_archives.get_one),
    ("POST", "/images/{name:.*}/tag", images.tag),
    ("POST", "/images/{name:.*}/push", push.push_),
    ("DELETE", "/images/{name:.*}", images.remove),
    ("GET", "/distribution/{name:.*}/json", distribution.inspect),
    ("POST", "/auth", distribution.auth),
    ("POST", "/commit", commit.commit_),
    ("POST", "/build", build.build_),
    ("POST", "/build/prune", build.prune_),
    ("POST", "/containers/{name:.*}/attach", attach.attach_),
    ("GET", "/containers/{name:.*}/attach/ws", attach.attach_ws),
    ("HEAD", "/containers/{name:.*}/archive", archive.look),
    ("GET", "/containers/{name:.*}/archive", archive.take),
    ("PUT", "/containers/{name:.*}/archive", archive.put),
    ("POST", "/containers/{name:.*}/exec", execs.create),
    ("GET", "/containers/{name:.*}/logs", logs.logs_),
    ("POST", "/containers/{name:.*}/resize", attach.resize),
    ("GET", "/containers/{name:.*}/stats", stats.stats_),
    ("POST", "/containers/{name:.*}/wait", wait.wait_),
    ("GET", "/exec/{name}/json", execs.inspect),
    ("POST", "/exec/{name}/resize", execs.resize),
    ("POST", "/exec/{name}/start", execs.start),
)

PLAIN = {
    system.ping,
    system.version,
    system.info,
    containers.list_,
    container.inspect_,
    images.list_,
    images.inspect,
    networks.list_networks,
    networks.inspect,
    volumes.list_volumes,
    volumes.inspect,
}
"""What only looks something up: afterwards its process can serve another connection."""

LEAVE_THEMSELVES = {events.events_}
"""What only has another process answer, or else calls `before_change` itself."""


class Table:
    """Handlers by method and path. `plain`, `leave_themselves`: as below."""

    def __init__(
        self,
        rows: Iterable[Row],
        *,
        plain: Collection[Handler],
        leave_themselves: Collection[Handler] = (),
    ) -> None:
        self.plain, self.leave_themselves = plain, leave_themselves
        self._by_method: dict[str, list[tuple[re.Pattern[str], Handler]]] = {}
        for method, pattern, handler in rows:
            expression = re.escape(pattern).replace(r"\{name:\.\*\}", "(?P<name>.*)")
            expression = expression.replace(r"\{name\}", "(?P<name>[^/]+)")
            found = self._by_method.setdefault(method, [])
            found.append((re.compile(expression, re.DOTALL), handler))

    def find(self, method: str, path: str) -> tuple[Handler, str]:
        """The handler for a path without its version, and the name in it. Raises PageNotFound."""
        for expression, handler in self._by_method.get(method, ()):
            if found := expression.fullmatch(path):
                return handler, found.groupdict().get("name", "")
        raise PageNotFound


API = Table(ROUTES, plain=PLAIN, leave_themselves=LEAVE_THEMSELVES)
"""Docker's."""
