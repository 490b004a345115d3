"""What is imported before the first connection comes: everything that a request may need.

A connection's process then starts with it, and shares its memory with all others.
"""

from __future__ import annotations

import gc
import importlib
import os

from cuddy import builder, engine, image, kernel, network, runtime

PROGRAMS = ("cuddy.engine.sleeper",)
"""Run by others, never imported."""


def preload() -> None:
    """Import the floors below, and leave what is there out of all looking for cycles."""
    for package in (kernel, image, network, runtime, engine, builder):
        for name in sorted(os.listdir(package.__path__[0])):
            module = f"{package.__name__}.{name.removesuffix('.py')}"
            if name.endswith(".py") and module not in PROGRAMS:
                importlib.import_module(module)
    gc.collect()
    gc.freeze()
