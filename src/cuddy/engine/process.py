"""What runs in a container: command, environment, capabilities, security. Options over the image's
own wishes, as Docker merges them; all pure.
"""

from __future__ import annotations

from cuddy import files
from cuddy.engine import defaults
from cuddy.errors import InvalidArgument
from cuddy.kernel import capabilities

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from cuddy.engine.options import ContainerOptions, Pair
    from cuddy.runtime.spec import Capabilities

SECURITY_NAMES = (
    "no-new-privileges", "seccomp", "apparmor", "label", "systempaths", "writable-cgroups",
)  # fmt: skip
TRUE = ("", "1", "t", "T", "TRUE", "true", "True")
FALSE = ("0", "f", "F", "FALSE", "false", "False")
"""What strconv.ParseBool of Go takes; a name alone means yes."""
SCOPE = "cuddy.scope"
"""The label that names the scope of a container, a network or a volume: see scopes.py."""


def command(options: ContainerOptions, image: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Entrypoint and command. An entrypoint of the user's clears the image's command.

    Raises InvalidArgument when nothing is left to run.
    """
    if options.entrypoint is None:
        entrypoint = list(image.get("Entrypoint") or ())
        words = list(options.command) or list(image.get("Cmd") or ())
    else:
        entrypoint = [word for word in options.entrypoint if word]
        # Docker's rule: only a word in its place, if an empty one, is an entrypoint of the user's.
        inherited = () if options.entrypoint else image.get("Cmd") or ()
        words = list(options.command) or list(inherited)
    if not entrypoint and not words:
        hint = f"name one after the image: cuddy run {options.image} COMMAND"
        raise InvalidArgument("no command specified, and the image names none", hint=hint)
    return entrypoint, words


def environment(image: Sequence[str], user: Sequence[str]) -> list[str]:
    """`Config.Env`: the user's variables, then what only the image says.

    A name alone stays: it says that there shall be no such variable.
    """
    users = {each.partition("=")[0]: each for each in user}
    images = {each.partition("=")[0]: each for each in image if "=" in each}
    found = [*users.values(), *(each for name, each in images.items() if name not in users)]
    merge(found, ())
    return found


def variables(config: Mapping[str, Any]) -> list[str]:
    """What a container's process begins with: what every one gets, and `Config.Env` over it."""
    terminal = ["TERM=xterm"] if config["Tty"] else []
    ours = [defaults.PATH, f"HOSTNAME={config['Hostname']}", *terminal]
    return merge(ours, config["Env"])


def merge(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Variables in which later ones replace earlier ones; one without '=' takes it away."""
    merged: dict[str, str] = {}
    for entry in (*first, *second):
        name, equals, value = entry.partition("=")
        if not name or "\0" in entry:
            raise InvalidArgument(f"invalid environment variable: {entry!r}", hint="NAME=VALUE")
        if equals:
            merged[name] = value
        else:
            merged.pop(name, None)
    return [f"{name}={value}" for name, value in merged.items()]


def with_home(environment: list[str], home: str) -> list[str]:
    """HOME from the image's passwd file, unless somebody said otherwise."""
    if any(entry.startswith("HOME=") for entry in environment):
        return environment
    return [*environment, f"HOME={home}"]


def labels(image: dict[str, str], user: Iterable[Pair]) -> dict[str, str]:
    """The image's labels and the user's `KEY[=VALUE]` over them.

    No image says in whose scope a container is: that one would go when the scope is over.
    """
    # Imported here: monitors, which import this, make no container.
    from cuddy.engine.options import parted

    merged = dict(image)
    merged.pop(SCOPE, None)
    for entry in user:
        name, _, value = parted(entry)
        if not name and isinstance(entry, str):
            raise InvalidArgument(f"invalid label {entry!r}", hint="KEY=VALUE")
        merged[name] = value
    return merged


def capability_set(add: Iterable[str], drop: Iterable[str], *, privileged: bool) -> frozenset[str]:
    """The default set, or all of them, with the user's changes. Raises InvalidArgument."""
    everything = frozenset(capabilities.NAMES)
    added, dropped = set(normal(add, "CapAdd")), set(normal(drop, "CapDrop"))
    if privileged:
        return everything
    if "ALL" in added:
        return everything - dropped
    if "ALL" in dropped:
        return frozenset(added)
    return (defaults.CAPABILITIES | added) - dropped


def normal(names: Iterable[str], option: str) -> list[str]:
    """Capabilities as docker records them: sorted, once each, ALL alone. Raises InvalidArgument."""
    found = {capability(name, option) for name in names}
    return ["ALL"] if "ALL" in found else sorted(found)


def granted(host_config: dict[str, Any], own: frozenset[str]) -> frozenset[str]:
    """The capabilities asked for, as far as the engine has them itself."""
    wanted = capability_set(
        host_config["CapAdd"], host_config["CapDrop"], privileged=host_config["Privileged"]
    )
    if host_config.get("Egress") not in (None, "", "all"):
        wanted -= defaults.ROUND_THE_RULES.keys()
    return wanted & own


def capability_sets(names: frozenset[str], uid: int) -> Capabilities:
    """Root gets them now; another user only what a set-uid program may regain: the bounding set.

    Inheritable and ambient are always empty (CVE-2022-24769).
    """
    bounding = sorted(names)
    current = bounding if uid == 0 else []
    return {
        "bounding": bounding,
        "permitted": current,
        "effective": current,
        "inheritable": [],
        "ambient": [],
    }


def capability(name: str, option: str) -> str:
    """CAP_NAME for `name`, `NAME` or `cap_name`; ALL stays. Raises InvalidArgument."""
    upper = name.upper()
    full = upper if upper == "ALL" or upper.startswith("CAP_") else f"CAP_{upper}"
    if full != "ALL" and full not in capabilities.NUMBERS:
        raise InvalidArgument(
            f'invalid {option}: unknown capability: "{full}"',
            hint="such as NET_ADMIN: capabilities(7)",
        )
    return full


def security(entries: Iterable[str]) -> dict[str, str]:
    """`--security-opt NAME[=VALUE]` (also NAME:VALUE). Raises InvalidArgument."""
    found: dict[str, str] = {}
    for entry in entries:
        cut = next((i for i, character in enumerate(entry) if character in "=:"), len(entry))
        name, value = entry[:cut], entry[cut + 1 :]
        if name not in SECURITY_NAMES:
            hint = f"one of {', '.join(SECURITY_NAMES)}"
            raise InvalidArgument(f'invalid --security-opt 2: "{entry}"', hint=hint)
        found[name] = value
    check_security(found)
    return found


def apparmor_profile(host_config: Mapping[str, Any]) -> str:
    """The AppArmor profile that was asked for; "" if nobody said."""
    return security(host_config["SecurityOpt"]).get("apparmor", "")


def check_security(found: dict[str, str]) -> None:
    """Refuse what this host or this version cannot give: a lock that does not close is none."""
    for name in ("no-new-privileges", "writable-cgroups"):
        if found.get(name, "") not in (*TRUE, *FALSE):
            message = f'invalid --security-opt 2: "{name}={found[name]}"'
            raise InvalidArgument(message, hint="true or false")
    if found.get("systempaths", "unconfined") != "unconfined":
        raise InvalidArgument("--security-opt systempaths can only be 'unconfined'")
    if not found.get("apparmor", "unconfined").isprintable() or found.get("apparmor") == "":
        raise InvalidArgument(f"invalid AppArmor profile {found['apparmor']!r}")
    if found.get("label", "disable") != "disable":
        raise InvalidArgument("SELinux labels are not supported yet", hint="label=disable")
    profile = found.get("seccomp", "unconfined")
    if profile not in ("unconfined", "builtin"):
        try:
            files.parse_json(profile)
        except ValueError as error:
            raise InvalidArgument(f"the seccomp profile is no JSON: {error}") from None
