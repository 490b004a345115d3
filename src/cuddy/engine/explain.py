"""Explain: a container beside the host, one row per thing.

    explain_facts    looks: the container's config, and what the kernel shows of both sides
    explain_sides, explain_limits, explain_powers, explain_layers    say what that means
    explain_shell    says the same as commands to type

A running container is shown as it is, one that does not run as it would be.
"""

from __future__ import annotations

from cuddy.engine import (
    explain_facts,
    explain_layers,
    explain_limits,
    explain_powers,
    explain_sides,
)
from cuddy.engine.explain_facts import Topic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from cuddy.engine.explain_facts import Facts
    from cuddy.engine.home import Home


def explain(home: Home, name: str, outside: Mapping[str, int]) -> tuple[Facts, list[Topic]]:
    """All that there is to tell. `outside`: the namespaces of the host's side.

    Raises NoSuchContainer, SystemFailure.
    """
    facts = explain_facts.gather(home, name, outside)
    return facts, [
        Topic("namespaces", explain_sides.namespaces(facts)),
        Topic("processes", explain_sides.processes(facts)),
        Topic("names", explain_sides.names(facts)),
        Topic("users", explain_sides.users(facts)),
        Topic("mounts", explain_sides.mounts(facts)),
        Topic("network", explain_sides.network(facts)),
        Topic("limits", explain_limits.limits(facts)),
        Topic("files", explain_layers.layers(home, facts)),
        Topic("capabilities", explain_powers.powers(facts)),
        Topic("seccomp", explain_powers.seccomp(facts)),
        Topic("paths", explain_powers.paths(facts)),
    ]


def by_hand(home: Home, name: str, outside: Mapping[str, int]) -> str:
    """The commands that make such a container. Raises NoSuchContainer, SystemFailure."""
    from cuddy.engine import explain_ground, explain_shell

    facts = explain_facts.gather(home, name, outside)
    return explain_shell.script(facts, explain_ground.survey(home, facts))
