"""The engine itself: ping, version, info."""

from __future__ import annotations

from cuddy.engine import info as engine_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call


def ping(call: Call) -> None:
    """The headers of the answer are the answer: clients read versions from them."""
    call.answer_headers["Cache-Control"] = "no-cache, no-store, must-revalidate"
    call.answer_headers["Pragma"] = "no-cache"
    call.send(b"OK", "text/plain; charset=utf-8")


def version(call: Call) -> None:
    """Versions of the engine and of the API."""
    call.answer(engine_info.version())


def info(call: Call) -> None:
    """What the engine has, and what this machine offers."""
    call.answer(engine_info.info(call.home))
