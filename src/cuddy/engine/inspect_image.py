"""Inspect an image: what its config says and what the store knows, in Docker's words.

The document has the fields of dockerd 28, in dockerd's order, which are those that client libraries
read. `Config` keeps the fields that only containers fill (Hostname, AttachStdin and their like):
older daemons print them, and templates ask for them.
"""

from __future__ import annotations

from cuddy.engine import container, images
from cuddy.image import index, reference, snapshots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cuddy.engine.home import Home
    from cuddy.image.store import Image

# The fields of `Config` in dockerd's order, with what it prints where an image says nothing; those
# with OMITTED it leaves out.
OMITTED = object()
CONFIG_FIELDS: dict[str, Any] = {
    "Hostname": "", "Domainname": "", "User": "", "AttachStdin": False, "AttachStdout": False,
    "AttachStderr": False, "ExposedPorts": OMITTED, "Tty": False, "OpenStdin": False,
    "StdinOnce": False, "Env": None, "Cmd": None, "Healthcheck": OMITTED, "ArgsEscaped": OMITTED,
    "Image": "", "Volumes": None, "WorkingDir": "", "Entrypoint": None, "NetworkDisabled": OMITTED,
    "MacAddress": OMITTED, "OnBuild": None, "Labels": None, "StopSignal": OMITTED,
    "StopTimeout": OMITTED, "Shell": OMITTED,
}  # fmt: skip
HEALTHCHECK_FIELDS = ("Test", "Interval", "Timeout", "StartPeriod", "StartInterval", "Retries")


def inspect_image(home: Home, name: str, *, suits: str = "") -> dict[str, Any]:
    """An image as `docker image inspect` shows it; `suits` is a platform that it must be for.

    Raises NoSuchImage, InvalidReference.
    """
    return describe(home, images.find(home, name, suits=suits))


def describe(home: Home, image: Image) -> dict[str, Any]:
    """The same of an image that was found."""
    config: dict[str, Any] = dict(image.config)
    return {
        "Id": image.id,
        "RepoTags": ["".join(reference.spelled(each)) for each in image.names],
        "RepoDigests": ["".join(reference.spelled(each)) for each in image.repo_digests],
        "Parent": index.annotation(image.manifest, index.PARENT),
        "Comment": _text(config, "comment") or _last_comment(config),
        "Created": _text(config, "created") or container.NEVER,
        "DockerVersion": _text(config, "docker_version"),
        "Author": _text(config, "author"),
        "Config": build_config(config.get("config") or {}),
        "Architecture": _text(config, "architecture"),
        **_optional("Variant", _text(config, "variant")),
        "Os": _text(config, "os"),
        **_optional("OsVersion", _text(config, "os.version")),
        "Size": image.size_bytes,
        "GraphDriver": {"Data": _directories(home, image), "Name": "overlay"},
        "RootFS": {"Type": "layers", **_optional("Layers", config["rootfs"]["diff_ids"])},
        "Metadata": {"LastTagTime": image.tagged or container.NEVER},
    }


def build_config(said: dict[str, Any]) -> dict[str, Any]:
    """`Config` as dockerd prints it: its fields and no others, sorted where order says nothing."""
    found = {}
    for key, default in CONFIG_FIELDS.items():
        value = said.get(key)
        if key == "Healthcheck" and value:
            value = {each: value[each] for each in HEALTHCHECK_FIELDS if value.get(each)}
        elif isinstance(value, dict):
            value = {name: value[name] for name in sorted(value)}
        if value is None:
            value = default
        if value is not OMITTED and (value or default is not OMITTED):
            found[key] = value
    return found


def _text(config: dict[str, Any], key: str) -> str:
    value = config.get(key)
    return value if isinstance(value, str) else ""


def _last_comment(config: dict[str, Any]) -> str:
    """What the last step says of itself: `commit -m` is kept there."""
    return _text((config.get("history") or [{}])[-1], "comment")


def _optional(key: str, value: Any) -> dict[str, Any]:
    return {key: value} if value else {}


def _directories(home: Home, image: Image) -> dict[str, str] | None:
    """Where the unpacked layers are: the top one, and those below it."""
    if not image.chain_ids:
        return None
    top, *lower = snapshots.lower_dirs(home.storage, image.chain_ids)
    return _optional("LowerDir", ":".join(lower)) | {"UpperDir": top}
