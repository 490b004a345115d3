"""`cuddy.aio`: the library for programs with an event loop. Same names, same arguments.

async with cuddy.aio.Engine() as engine:
    result = await engine.run("alpine", "echo hi")
"""

from __future__ import annotations

from cuddy.library.aio.engine import Engine as Engine
from cuddy.library.aio.engine import Scope as Scope
from cuddy.library.aio.engine import run as run
from cuddy.library.aio.sandbox import Sandbox as Sandbox
