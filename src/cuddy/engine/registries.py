"""How registries are reached from this machine, as its files and environment say.

Nothing of our own has to be configured: containers-registries.conf(5) and Docker's daemon.json name
mirrors and insecure hosts, config.json and containers-auth.json(5) hold credentials, and proxies
come from the variables that curl(1) reads; cuddy's own say what a layer or an archive may unpack
to. Loaded only when an image has to be fetched.
"""

from __future__ import annotations

import os

from cuddy import __version__, files, sizes
from cuddy.engine import configuration
from cuddy.errors import InvalidArgument
from cuddy.image.settings import Mirror, Rule, Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

DAEMON_JSON = "/etc/docker/daemon.json"
REGISTRIES_CONF = "/etc/containers/registries.conf"
PULLS = ("all", "digest-only", "tag-only")


def settings(environment: Mapping[str, str]) -> Settings:
    """The settings of this machine and this user. Raises InvalidArgument for a broken file."""
    mirrors: dict[str, list[str]] = {}
    insecure: list[str] = []
    rules: dict[str, Rule] = {}
    for path in _registries_files(environment):
        # A later file replaces what an earlier one says of the same prefix.
        rules |= {rule.prefix: rule for rule in _rules(_read_toml(path), path, insecure)}
    daemon = _read_json(DAEMON_JSON)
    _add_daemon(daemon, mirrors, insecure)
    return Settings(
        mirrors={registry: tuple(found) for registry, found in mirrors.items()},
        rules=tuple(rules.values()),
        insecure=tuple(insecure),
        auth_files=tuple(_auth_files(environment)),
        environment=dict(environment),
        proxies=_proxies(environment, daemon),
        user_agent=f"cuddy/{__version__}",
        max_layer_bytes=max_bytes(environment, "LAYER"),
        max_archive_bytes=max_bytes(environment, "ARCHIVE"),
    )


def max_bytes(environment: Mapping[str, str], what: str) -> int:
    """CUDDY_MAX_LAYER_SIZE, CUDDY_MAX_ARCHIVE_SIZE (`16g`): what one may unpack to; 0 without it.

    Raises InvalidArgument.
    """
    variable = f"CUDDY_MAX_{what}_SIZE"
    try:
        return sizes.parse(environment.get(variable) or "0")
    except ValueError as error:
        raise InvalidArgument(f"{variable}: {error}", hint="a size: 16g") from None


def _home(environment: Mapping[str, str], variable: str, below: str) -> str:
    """An XDG directory."""
    return environment.get(variable) or f"{environment.get('HOME', '')}/{below}"


def _auth_files(environment: Mapping[str, str]) -> list[str]:
    """Where credentials are looked for, first to last."""
    if named := environment.get("REGISTRY_AUTH_FILE"):
        return [named]
    docker = environment.get("DOCKER_CONFIG") or f"{environment.get('HOME', '')}/.docker"
    runtime = environment.get("XDG_RUNTIME_DIR") or "/run"
    return [
        f"{docker}/config.json",
        f"{runtime}/containers/auth.json",
        f"{_home(environment, 'XDG_CONFIG_HOME', '.config')}/containers/auth.json",
    ]


def _registries_files(environment: Mapping[str, str]) -> list[str]:
    """registries.conf, the user's or else the machine's, and the directory beside it."""
    if named := environment.get("CONTAINERS_REGISTRIES_CONF"):
        return [named]
    own = f"{_home(environment, 'XDG_CONFIG_HOME', '.config')}/containers/registries.conf"
    main = own if os.path.exists(own) else REGISTRIES_CONF
    parts = sorted(files.list_directory(f"{main}.d"))
    return [main, *(f"{main}.d/{name}" for name in parts if name.endswith(".conf"))]


def _rules(document: Mapping[str, Any], path: str, insecure: list[str]) -> list[Rule]:
    """The [[registry]] tables, and the hosts that they call insecure. Raises InvalidArgument."""
    found = []
    try:
        for entry in document.get("registry", ()):
            rule = _rule(entry)
            found.append(rule)
            places = [(entry, rule.location or rule.prefix)]
            places += zip(entry.get("mirror", ()), (mirror.location for mirror in rule.mirrors))
            insecure += [where.partition("/")[0] for said, where in places if said.get("insecure")]
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidArgument(f"{path}: not a table of registries: {error}") from None
    return found


def _rule(entry: Mapping[str, Any]) -> Rule:
    """One table. Raises AttributeError, TypeError or ValueError when it is none."""
    location = _location(entry.get("location", ""))
    prefix = entry.get("prefix") or location
    if not prefix or not (prefix.startswith("*.") or _location(prefix)):
        raise ValueError("neither prefix nor location")
    usual = "digest-only" if entry.get("mirror-by-digest-only") else "all"
    mirrors = [
        Mirror(_location(each.get("location", "")), each.get("pull-from-mirror") or usual)
        for each in entry.get("mirror", ())
    ]
    if not all(each.location for each in mirrors):
        raise ValueError("a mirror without location")
    if wrong := [each.pulls for each in mirrors if each.pulls not in PULLS]:
        raise ValueError(f"pull-from-mirror is {wrong[0]!r}, not one of {', '.join(PULLS)}")
    return Rule(prefix, location, tuple(mirrors), entry.get("blocked") is True)


def _location(text: str) -> str:
    """`host[:port][/path]`, and nothing else. Raises ValueError."""
    if "://" in text or text[:1] == "/" or text[-1:] == "/":
        raise ValueError(f"{text!r} is not host[:port][/path]")
    return text


def _add_daemon(
    document: Mapping[str, Any], mirrors: dict[str, list[str]], insecure: list[str]
) -> None:
    """Docker's daemon.json, whose mirrors are those of docker.io."""
    mirrors.setdefault("docker.io", []).extend(document.get("registry-mirrors") or ())
    insecure += document.get("insecure-registries") or ()


def _proxies(environment: Mapping[str, str], daemon: Mapping[str, Any]) -> dict[str, str]:
    """http_proxy and its kin, small letters first, as curl has it; then what Docker's files say."""
    theirs = daemon.get("proxies") or {}
    try:
        users = configuration.proxies(environment)
    except ValueError:
        users = {}  # whoever needs the credentials in that file will say what is wrong with it
    found = {}
    for name in ("http", "https", "no"):
        key = f"{name}_proxy"
        value = environment.get(key) or environment.get(key.upper())
        if not value and name != "no":
            value = environment.get("all_proxy") or environment.get("ALL_PROXY")
        value = value or theirs.get(f"{name}-proxy") or users.get(f"{name}Proxy")
        if not value and name != "no":
            value = users.get("allProxy")
        if value:
            found[name] = str(value)
    return found


def _read_toml(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            data = file.read(files.MAX_JSON_BYTES)
        if not any(map(_may_matter, data.split(b"\n"))):
            return {}  # as on most machines; the parser takes longer than a pull of what is there
        import tomllib

        return tomllib.loads(data.decode())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InvalidArgument(f"{path} cannot be read: {error}") from None


def _may_matter(line: bytes) -> bool:
    """Whether a line of TOML can begin a table or an array named `registry`, or is none at all."""
    key, equals, value = line.strip().partition(b"=")
    if not key.startswith((b"#", b"[")) and not equals:
        return bool(key)
    return b"registry" in key and b"[" in (key[:1], value.strip()[:1])


def _read_json(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            found = files.parse_json(file.read(files.MAX_JSON_BYTES))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InvalidArgument(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise InvalidArgument(f"{path} cannot be read: it is not an object")
    return found
