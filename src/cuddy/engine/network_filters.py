"""Filters of `network ls`: dangling, driver, id, label, name, scope, type.

Values of one filter widen each other, labels narrow each other too: Docker's rules (moby
daemon/network/filter.go).
"""

from __future__ import annotations

from cuddy.engine import inspect_network, networks, regexps
from cuddy.engine.volume_filters import FALSE, TRUE, has_label
from cuddy.errors import WrongArguments
from cuddy.network import network as records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cuddy.engine.home import Home
    from cuddy.engine.regexps import Matches
    from cuddy.network.network import Network

NAMES = ("dangling", "driver", "id", "label", "name", "scope", "type")
TYPES = ("builtin", "custom")


def select(home: Home, filters: Iterable[tuple[str, str]]) -> list[Network]:
    """The networks that pass. Raises WrongArguments."""
    wanted: dict[str, list[str]] = {}
    for name, value in filters:
        check(name, value)
        wanted.setdefault(name, []).append(value)
    names = [regexps.of_name(value) for value in wanted.get("name", ())]
    found = [each for each in networks.list_networks(home) if passes(each, wanted, names)]
    if "dangling" not in wanted:
        return found
    if len(set(wanted["dangling"])) > 1:
        raise WrongArguments('got more than one value for filter key "dangling"')
    is_wanted = wanted["dangling"][0] in TRUE
    used = set() if not found else inspect_network.used(home)
    return [each for each in found if is_dangling(each, used) == is_wanted]


def check(name: str, value: str) -> None:
    """A filter that there is, and a value that it can have. Raises WrongArguments."""
    if name not in NAMES:
        raise WrongArguments(f"invalid filter '{name}'", hint=f"one of {', '.join(NAMES)}")
    if name == "type" and value not in TYPES:
        raise WrongArguments(f"invalid filter: 'type'='{value}'", hint="builtin or custom")
    if name == "dangling" and value not in TRUE + FALSE:
        raise WrongArguments(
            'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")'
        )


def passes(network: Network, wanted: dict[str, list[str]], names: list[Matches]) -> bool:
    """Whether a network is as all the filters want it, but for what depends on containers. Pure."""
    kind = "builtin" if network.name in records.PREDEFINED else "custom"
    return (
        _any(wanted, "driver", lambda value: value == network.driver)
        and _any(wanted, "id", lambda value: network.id.startswith(value))
        and ("name" not in wanted or any(match(network.name) for match in names))
        and _any(wanted, "scope", lambda value: value == "local")
        and _any(wanted, "type", lambda value: value == kind)
        and all(has_label(network.labels, value) for value in wanted.get("label", ()))
    )


def _any(wanted: dict[str, list[str]], name: str, is_met: Callable[[str], bool]) -> bool:
    return name not in wanted or any(map(is_met, wanted[name]))


def is_dangling(network: Network, used: set[str]) -> bool:
    """Whether nobody uses a network that could go."""
    return network.name not in records.PREDEFINED and network.id not in used
