"""Calls about sandboxes."""

from __future__ import annotations

from cuddy.library.lives import show_all, shown, told
from cuddy.library.running import begin, read_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.library.serving import Call

    Document = dict[str, Any]


def sandbox(call: Call, options: Document, owner: int, ttl_s: float | None) -> Document:
    """Make a sandbox and begin it; what is known of it."""
    from cuddy.engine import sandboxes

    return begin(call, sandboxes.plan(read_options(options), owner=owner, ttl_s=ttl_s))


def inspect_sandbox(call: Call, name: str) -> Document:
    """What is known of it."""
    from cuddy.engine import sandboxes

    return shown(call.home, sandboxes.find(call.home, name)["Id"])


def list_sandboxes(call: Call) -> None:
    """What is known of each, as items."""
    from cuddy.engine import sandboxes

    show_all(call, sandboxes.list_all(call.home))


def usage(call: Call, name: str) -> Document:
    """What it has used."""
    from cuddy.engine import sandbox_usage

    return sandbox_usage.usage(call.home, name)._asdict()


def snapshot(call: Call, name: str, first: bool) -> int:
    """Its files as they are now; the number."""
    from cuddy.engine import sandbox_snapshot

    return sandbox_snapshot.snapshot(call.home, name, first=first)


def restore(call: Call, name: str, number: int) -> None:
    """Its files as they were."""
    from cuddy.engine import sandbox_restore

    sandbox_restore.restore(call.home, name, number)


def fork(
    call: Call, name: str, count: int, number: int | None, owner: int, ttl_s: float | None
) -> None:
    """Others with its files; what is known of each, as items."""
    from cuddy.engine import sandbox_fork

    made = sandbox_fork.fork(call.home, name, count, number=number, owner=owner, ttl_s=ttl_s)
    for each in made:
        call.item(shown(call.home, each))


def changes(call: Call, name: str, since: int | None) -> list[list[str]]:
    """What has changed of its files."""
    from cuddy.engine import sandbox_diff

    return told(sandbox_diff.diff(call.home, name, since))
