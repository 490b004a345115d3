"""What a program can ask of the process behind it: names of calls, and the functions that do them.

Each takes the call and the arguments as JSON has them, and returns what JSON can hold.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[..., object]

MODULES = {
    "running": ("run", "create", "launch"),
    "boxes": (
        "sandbox", "inspect_sandbox", "list_sandboxes", "usage", "snapshot", "restore", "fork",
        "changes",
    ),
    "lives": (
        "inspect", "containers", "start", "stop", "restart", "kill", "pause", "unpause", "rename",
        "update", "remove", "wait", "wait_for", "top", "stats", "diff", "commit",
        "prune_containers",
    ),
    "building": ("build",),
    "flows": (
        "logs", "events", "follow_stats", "attach", "exec", "put", "get", "take", "unpack",
        "export",
    ),
    "scoping": ("scope", "end_scope"),
    "stock": (
        "inspect_image", "images", "pull", "push", "tag", "remove_image", "load", "save",
        "prune_images",
        "create_volume", "inspect_volume", "volumes", "remove_volume", "prune_volumes",
        "create_network", "inspect_network", "networks", "connect", "disconnect",
        "remove_network", "prune_networks",
    ),
}  # fmt: skip
"""Module of this package: the calls that it has functions for."""
PLACES = {name: module for module, names in MODULES.items() for name in names}
NAMES = {
    "inspect": "inspect_",
    "exec": "exec_",
    "containers": "list_containers",
    "create": "create_",
}
"""Functions that cannot be called as their calls."""


def find(name: str) -> Function:
    """The function of a call. Raises KeyError: program and process are of one version."""
    module = importlib.import_module(f"cuddy.library.{PLACES[name]}")
    function: Function = getattr(module, NAMES.get(name, name))
    return function
