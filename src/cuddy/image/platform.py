"""Platforms: `os/architecture[/variant]`; which of an index's manifests suits this machine.

Names are Go's (image-index.md, "Platform Variants"), machines are uname(2)'s.
"""

from __future__ import annotations

import os

from cuddy.errors import InvalidArgument
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from cuddy.image.spec import Descriptor

# What uname(2) or people say -> architecture, variant
ARCHITECTURES = {
    "x86_64": ("amd64", ""), "x86-64": ("amd64", ""), "aarch64": ("arm64", ""),
    "i386": ("386", ""), "i486": ("386", ""), "i586": ("386", ""), "i686": ("386", ""),
    "armhf": ("arm", "v7"), "armel": ("arm", "v6"), "armv5l": ("arm", "v5"),
    "armv6l": ("arm", "v6"), "armv7l": ("arm", "v7"), "armv8l": ("arm", "v8"),
}  # fmt: skip
# The variant that is meant when none is named.
DEFAULT_VARIANTS = {"arm64": "v8", "arm": "v7", "amd64": "v1"}
OPERATING_SYSTEMS = ("linux", "windows", "darwin", "macos", "freebsd", "openbsd", "netbsd")
KNOWN = (
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64",
    "ppc64le", "riscv64", "s390x", "wasm",
)  # fmt: skip
"""Architectures that may be named alone."""
CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789_.-"


class Platform(NamedTuple):
    """A platform in its normal form: no variant where it is the usual one of arm64 or amd64."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


def normalise(os_name: str, architecture: str, variant: str = "") -> Platform:
    """A platform in the words of Go, whoever's words it came in."""
    architecture = architecture.lower()
    architecture, usual = ARCHITECTURES.get(architecture, (architecture, ""))
    variant = variant.lower() or usual
    if variant.isdigit():
        variant = f"v{variant}"
    if architecture == "arm" and not variant:
        variant = "v7"
    if (architecture, variant) in (("arm64", "v8"), ("amd64", "v1")):
        variant = ""
    os_name = os_name.lower()
    return Platform("darwin" if os_name == "macos" else os_name, architecture, variant)


def host() -> Platform:
    """The platform of this machine."""
    return normalise("linux", os.uname().machine)


def parse(text: str) -> Platform:
    """What a user gave as --platform: `os`, `architecture`, `os/architecture[/variant]`; "" = host.

    Raises InvalidArgument.
    """
    parts = text.split("/")
    if text and (len(parts) > 3 or not all(parts) or text.lower().strip(CHARACTERS + "/")):
        raise InvalidArgument(
            f"invalid platform {text[:80]!r}", hint="write os/architecture[/variant]: linux/arm64"
        )
    here = host()
    if not text or text == here.os:
        return here
    if len(parts) == 1:
        alone = parts[0].lower()
        if alone in OPERATING_SYSTEMS:
            return normalise(alone, here.architecture, here.variant)
        if alone not in (*KNOWN, *ARCHITECTURES):
            raise InvalidArgument(
                f'"{text[:80]}": unknown operating system or architecture: invalid argument',
                hint="write os/architecture[/variant]: linux/arm64",
            )
        return normalise(here.os, parts[0])
    return normalise(*parts)


def preference(wanted: Platform) -> list[Platform]:
    """What runs where `wanted` runs, best first: older variants, then the 32-bit sibling."""
    order = []
    if wanted.variant.removeprefix("v").isdigit():
        newest = int(wanted.variant.removeprefix("v"))
        oldest = 5 if wanted.architecture == "arm" else 1
        order = [
            normalise(wanted.os, wanted.architecture, f"v{n}")
            for n in range(newest, oldest - 1, -1)
        ]
    if wanted not in order:
        order.insert(0, wanted)
    plain = Platform(wanted.os, wanted.architecture)
    if plain not in order and wanted.architecture == "arm64":
        order.append(plain)
    if wanted.architecture == "amd64":
        order.append(Platform(wanted.os, "386"))
    if wanted.architecture == "arm64":
        order += preference(Platform(wanted.os, "arm", "v8"))
    return order


def of(document: Mapping[str, Any] | None) -> Platform | None:
    """The platform that a config or a descriptor's `platform` names, if it names one."""
    if not isinstance(document, dict):
        return None
    parts = [document.get(key, "") for key in ("os", "architecture", "variant")]
    if not all(isinstance(part, str) for part in parts) or not parts[0] or not parts[1]:
        return None
    return normalise(*parts)


def choose(manifests: list[Descriptor], wanted: Platform) -> Descriptor | None:
    """The manifest that suits `wanted` best; one that names no platform is the last resort."""
    offered = [(of(descriptor.get("platform")), descriptor) for descriptor in manifests]
    for candidate in [*preference(wanted), None]:
        for found, descriptor in offered:
            if found == candidate:
                return descriptor
    return None
