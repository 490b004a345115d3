"""Explain: a container beside the host, one row per thing.

    explain_facts    looks: the container's config, and what the kernel shows of both sides
    explain_sides, explain_limits, explain_powers, explain_layers    say what that means
    explain_shell    says the same as commands to type

A running container is shown as it is, one that does not run as it would be.
"""

from __future__ import annotations

from cuddy.engine import (
    container,
    explain_facts,
    explain_layers,
    explain_limits,
    explain_powers,
    explain_sides,
)
from cuddy.engine.explain_facts import Topic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from cuddy.engine.explain_facts import Facts
    from cuddy.engine.home import Home


def explain(
    home: Home, name: str, outside: Mapping[str, int], wanted: Collection[str] = ()
) -> tuple[Facts, list[Topic]]:
    """What there is to tell of the topics that are wanted, or of all. `outside`: the namespaces of
    the host's side.

    Raises NoSuchContainer, SystemFailure.
    """
    facts = explain_facts.gather(home, name, outside)
    tellers = {
        "namespaces": explain_sides.namespaces,
        "processes": explain_sides.processes,
        "names": explain_sides.names,
        "users": explain_sides.users,
        "mounts": explain_sides.mounts,
        "network": explain_sides.network,
        "limits": explain_limits.limits,
        # Reads every directory of the image.
        "files": lambda facts: explain_layers.layers(home, facts),
        "capabilities": explain_powers.powers,
        "seccomp": explain_powers.seccomp,
        "paths": explain_powers.paths,
    }
    chosen = wanted or tellers
    return facts, [Topic(each, tell(facts)) for each, tell in tellers.items() if each in chosen]


def describe(facts: Facts, topics: list[Topic]) -> dict[str, Any]:
    """The same for programs. Pure."""
    record = facts.record
    return {
        "Id": record["Id"],
        "Name": container.display_name(record),
        "Image": record["Config"]["Image"],
        "Running": facts.inside is not None,
        "Topics": {
            topic.name: [
                {"Thing": r.thing, "Host": r.host, "Container": r.container, "Note": r.note}
                for r in topic.rows
            ]
            for topic in topics
        },
    }


def by_hand(home: Home, name: str, outside: Mapping[str, int]) -> str:
    """The commands that make such a container. Raises NoSuchContainer, SystemFailure."""
    from cuddy.engine import explain_ground, explain_shell

    facts = explain_facts.gather(home, name, outside)
    return explain_shell.script(facts, explain_ground.survey(home, facts))
