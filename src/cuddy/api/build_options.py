"""The query of POST /build as options of a build. Pure: nothing of this machine is asked.

What names files is confined to the context: a client that may build need not be one that may read.
"""

from __future__ import annotations

import posixpath

from cuddy import files
from cuddy.api import create_host, fields, names
from cuddy.builder import git_source, remote
from cuddy.builder.options import BuildOptions
from cuddy.errors import InvalidArgument
from cuddy.image import platform, reference, spec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.api.http import Call

SENT = "-"
"""The context comes in the body of the request."""
NO_OUTPUTS = ("", "null", "[]")
SESSION = "client-session"


def read(call: Call, build_id: str) -> BuildOptions:
    """What a request asks for. Raises InvalidArgument."""
    check_builder(call)
    wanted = call.text("platform")
    platform.parse(wanted)
    return BuildOptions(
        context=read_context(call.text("remote")),
        build_id=build_id,
        dockerfile=read_dockerfile(call.text("dockerfile")),
        tags=tuple(names.join(text, "") for text in call.texts("t") if text),
        target=call.text("target"),
        build_args=read_pairs(call.text("buildargs"), "error reading build args"),
        add_hosts=tuple(read_hosts(call.texts("extrahosts"))),
        network=read_network(call.text("networkmode")),
        platforms=(wanted,) if wanted else (),
        ulimits=read_ulimits(call.text("ulimits")),
        shm_size=positive(call, "shmsize") or 0,
        memory=positive(call, "memory"),
        memory_swap=call.number("memswap") or None,
        cpu_shares=positive(call, "cpushares"),
        cpu_period=positive(call, "cpuperiod"),
        cpu_quota=call.number("cpuquota") or None,
        cpuset_cpus=call.text("cpusetcpus"),
        cpuset_mems=call.text("cpusetmems"),
        cgroup_parent=call.text("cgroupparent"),
        security_opt=read_texts(call.text("securityopt"), "securityopt"),
        labels=read_pairs(call.text("labels"), "error reading labels"),
        squash=call.flag("squash"),
        pull=call.flag("pull"),
        no_cache=call.flag("nocache"),
    )


def check_builder(call: Call) -> None:
    """Only the classic builder is asked for over HTTP. Raises InvalidArgument."""
    version = call.text("version")
    if version not in ("", "1", "2"):
        raise InvalidArgument(f'invalid version "{version[:20]}"')
    if version == "2" or call.text("session") or call.text("remote") == SESSION:
        raise InvalidArgument(
            "this engine has no BuildKit for clients: set DOCKER_BUILDKIT=0 to build without it"
        )
    if call.text("outputs") not in NO_OUTPUTS:
        raise InvalidArgument("outputs other than an image need BuildKit")
    isolation = call.text("isolation")
    if isolation not in ("", "default"):
        raise InvalidArgument(f"isolation {isolation[:20]!r} is for Windows")


def read_context(where: str) -> str:
    """Where the context is: in the request, or at a URL. Raises InvalidArgument."""
    if not where:
        return SENT
    if not (remote.is_url(where) or is_git(where)):
        raise InvalidArgument(f"remoteURL ({where[:200]}) could not be recognized as URL")
    return where


def is_git(where: str) -> bool:
    """Whether that is a repository on another machine, and no file of this one."""
    if where.lower().startswith("file:"):
        return False
    return git_source.parse(where, is_context=True) is not None


def read_dockerfile(path: str) -> str:
    """The path of the Dockerfile inside of the context, wherever it leads; "" for the usual one."""
    if not path:
        return ""
    clean = posixpath.normpath(f"/{path}").lstrip("/")
    return f"./{clean}" if clean == SENT else clean


def read_pairs(text: str, problem: str) -> tuple[str, ...]:
    """A JSON object of texts as NAME=VALUE; what is null is not said. Raises InvalidArgument."""
    found = parse(text, problem)
    if found is None:
        return ()
    if not isinstance(found, dict):
        raise InvalidArgument(f"{problem}: it must be an object")
    given = {name: value for name, value in found.items() if value is not None}
    return tuple(f"{name}={fields.text(given, name)}" for name in given)


def read_texts(text: str, name: str) -> tuple[str, ...]:
    """A JSON list of texts. Raises InvalidArgument."""
    found = parse(text, f"error reading {name}")
    return tuple(fields.texts({name: found}, name))


def read_hosts(texts: list[str]) -> list[str]:
    """NAME:ADDRESS, repeated or with commas between them."""
    return [host for text in texts for host in text.split(",") if host]


def read_network(mode: str) -> str:
    """The network of RUN; the usual one has several names."""
    return "" if mode in ("default", "bridge") else mode


def read_ulimits(text: str) -> tuple[str, ...]:
    """[{"Name": "nofile", "Soft": 1, "Hard": 2}] as NAME=SOFT:HARD. Raises InvalidArgument."""
    found = parse(text, "error reading ulimits")
    limits = fields.mappings({"ulimits": found}, "ulimits")
    return tuple(map(create_host.ulimit, limits))


def read_cache_from(text: str) -> tuple[str, ...] | None:
    """The images whose steps may be taken over; None if nothing is said of any.

    Raises InvalidArgument.
    """
    found = read_texts(text, "cachefrom")
    for name in found:
        reference.parse(name)
    return found or None


def parse(text: str, problem: str) -> Any:
    """JSON; nothing is null. Raises InvalidArgument."""
    if not text.strip():
        return None
    try:
        found = files.parse_json(text)
    except ValueError as error:
        raise InvalidArgument(f"{problem}: {error}") from None
    if not spec.is_text(found):
        raise InvalidArgument(f"{problem}: it holds text that is not Unicode")
    return found


def positive(call: Call, name: str) -> int | None:
    """A number that is more than none. Raises InvalidArgument."""
    found = call.number(name)
    if found is not None and found < 0:
        raise InvalidArgument(f"invalid value {found} for {name}: it must not be negative")
    return found or None
