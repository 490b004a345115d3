"""How registries are reached from this machine, as its files and environment say.

Nothing of our own has to be configured: containers-registries.conf(5) and Docker's daemon.json name
mirrors and insecure hosts, config.json and containers-auth.json(5) hold credentials, and proxies
come from the variables that curl(1) reads. Loaded only when an image has to be fetched.
"""

from __future__ import annotations

import os

from cuddy import __version__, files
from cuddy.cli import values
from cuddy.errors import InvalidArgument
from cuddy.image.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

DAEMON_JSON = "/etc/docker/daemon.json"
REGISTRIES_CONF = "/etc/containers/registries.conf"


def settings(environment: Mapping[str, str]) -> Settings:
    """The settings of this machine and this user. Raises InvalidArgument for a broken file."""
    mirrors: dict[str, list[str]] = {}
    insecure: list[str] = []
    for path in _registries_files(environment):
        _add_registries(_read_toml(path), mirrors, insecure)
    _add_daemon(_read_json(DAEMON_JSON), mirrors, insecure)
    return Settings(
        mirrors={registry: tuple(found) for registry, found in mirrors.items()},
        insecure=tuple(insecure),
        auth_files=tuple(_auth_files(environment)),
        environment=dict(environment),
        proxies=_proxies(environment),
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
        return values.size(environment.get(variable) or "0")
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


def _add_registries(
    document: Mapping[str, Any], mirrors: dict[str, list[str]], insecure: list[str]
) -> None:
    """The [[registry]] tables: prefix or location, its mirrors, and which of them are insecure."""
    for entry in document.get("registry", ()):
        location = entry.get("location", "")
        registry = (entry.get("prefix") or location).partition("/")[0]
        if entry.get("insecure"):
            insecure.append(location.partition("/")[0] or registry)
        for mirror in entry.get("mirror", ()):
            where = mirror.get("location", "")
            mirrors.setdefault(registry, []).append(where)
            if mirror.get("insecure"):
                insecure.append(where.partition("/")[0])
        if location not in ("", registry):
            mirrors.setdefault(registry, []).append(location)


def _add_daemon(
    document: Mapping[str, Any], mirrors: dict[str, list[str]], insecure: list[str]
) -> None:
    """Docker's daemon.json, whose mirrors are those of docker.io."""
    mirrors.setdefault("docker.io", []).extend(document.get("registry-mirrors") or ())
    insecure += document.get("insecure-registries") or ()


def _proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """http_proxy and its kin. Small letters come first, as curl has it."""
    found = {}
    for name in ("http", "https", "no"):
        key = f"{name}_proxy"
        value = environment.get(key) or environment.get(key.upper())
        if not value and name != "no":
            value = environment.get("all_proxy") or environment.get("ALL_PROXY")
        if value:
            found[name] = value
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
