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
    "running": ("run",),
}
"""Module of this package: the calls that it has functions for, under the same names."""
PLACES = {name: module for module, names in MODULES.items() for name in names}


def find(name: str) -> Function:
    """The function of a call. Raises KeyError: program and process are of one version."""
    module = importlib.import_module(f"cuddy.library.{PLACES[name]}")
    function: Function = getattr(module, name)
    return function
