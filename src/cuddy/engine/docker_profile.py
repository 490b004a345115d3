"""Docker's format of seccomp profiles, as --security-opt seccomp=FILE takes it.

It is linux.seccomp of the runtime-spec with conditions: a rule may hold for some capabilities,
architectures and kernels only (`includes`, `excludes`), and `archMap` says which architectures a
machine can run besides its own. A plain OCI section is a profile in this format as well.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# machine -> Docker's name of it (Go's), the runtime-spec's
MACHINES = {"x86_64": ("amd64", "SCMP_ARCH_X86_64"), "aarch64": ("arm64", "SCMP_ARCH_AARCH64")}
KEPT = ("action", "errnoRet", "args")


def specialize(
    profile: Mapping[str, Any], capabilities: frozenset[str], kernel: tuple[int, int], machine: str
) -> dict[str, Any]:
    """The profile for one container on one machine: linux.seccomp. Raises InvalidArgument.

    `capabilities` is the container's bounding set.
    """
    if not isinstance(profile, dict):
        raise InvalidArgument("seccomp profile: a JSON object wanted")
    if profile.get("architectures") and profile.get("archMap"):
        raise InvalidArgument("seccomp profile: either architectures or archMap, not both")
    short, native = MACHINES[machine]
    try:
        section = {
            key: profile[key]
            for key in ("defaultAction", "defaultErrnoRet", "flags")
            if profile.get(key) is not None
        }
        section["architectures"] = list(profile.get("architectures") or ())
        for entry in profile.get("archMap") or ():
            if entry["architecture"] == native:
                section["architectures"] = [native, *(entry.get("subArchitectures") or ())]
        section["syscalls"] = [
            plain(entry)
            for entry in profile.get("syscalls") or ()
            if applies(entry, capabilities, kernel, short)
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidArgument(f"seccomp profile: not in Docker's format: {error!r}") from error
    return section


def applies(
    entry: Mapping[str, Any], capabilities: frozenset[str], kernel: tuple[int, int], short: str
) -> bool:
    """Whether a rule is meant for this container. Raises InvalidArgument."""
    includes, excludes = entry.get("includes") or {}, entry.get("excludes") or {}
    if not capabilities.issuperset(includes.get("caps") or ()):
        return False
    if includes.get("arches") and short not in includes["arches"]:
        return False
    if includes.get("minKernel") and kernel < parse_kernel(includes["minKernel"]):
        return False
    if not capabilities.isdisjoint(excludes.get("caps") or ()):
        return False
    if short in (excludes.get("arches") or ()):
        return False
    return not (excludes.get("minKernel") and kernel >= parse_kernel(excludes["minKernel"]))


def plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A rule without its conditions. Raises InvalidArgument."""
    name, names = entry.get("name"), entry.get("names")
    if name and names:
        raise InvalidArgument("seccomp profile: either name or names, not both")
    kept = {key: entry[key] for key in KEPT if entry.get(key) not in (None, [])}
    return {"names": [name] if name else list(names or ()), **kept}


def parse_kernel(text: str) -> tuple[int, int]:
    """`4.8` as a pair of numbers. Raises InvalidArgument."""
    major, dot, minor = text.partition(".")
    if not (dot and major.isdecimal() and minor.isdecimal()):
        raise InvalidArgument(f"seccomp profile: not a kernel version: {text!r}")
    return int(major), int(minor)
