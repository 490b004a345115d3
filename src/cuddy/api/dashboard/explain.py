"""A container beside the host, as `cuddy explain --json` has it."""

from __future__ import annotations

from cuddy.engine import explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.api.http import Call


def explain_(outside: Mapping[str, int], call: Call) -> None:
    """All topics, or those that are asked for."""
    wanted = call.text("topic").split(",") if call.has("topic") else ()
    facts, topics = explain.explain(call.home, call.ref, outside, wanted)
    call.answer(explain.describe(facts, topics))
