"""What keeps a container apart, as HostConfig has it: capabilities, security options, devices,
kernel settings, annotations. The namespaces it shares are in `sharing.py`.
"""

from __future__ import annotations

from cuddy.engine import defaults, process
from cuddy.engine.host_config import RUNTIME
from cuddy.engine.options import parted
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from cuddy.engine.options import ContainerOptions, Pair

IPC_SYSCTLS = frozenset(
    f"kernel.{name}"
    for name in (
        "msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced",
    )
)  # fmt: skip
NO_QUOTA = "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"


def check(options: ContainerOptions) -> None:
    """Refuse what makes no sense or is not to be had. Raises InvalidArgument."""
    if options.shm_size < 0:
        raise InvalidArgument("SHM size can not be less than 0")
    if options.isolation.lower() not in ("", "default"):
        message = f"Invalid isolation: \"{options.isolation}\" - linux only supports 'default'"
        raise InvalidArgument(message)
    if options.runtime not in ("", RUNTIME):
        # Imported here: most containers have ours.
        from cuddy.engine import other_runtimes

        other_runtimes.find(options.runtime)
    storage_options(options)
    for path in (*(options.masked_paths or ()), *(options.readonly_paths or ())):
        if not path.startswith("/") or "\0" in path:
            raise InvalidArgument(f"invalid path to hide: {path!r}", hint="an absolute one")
    check_apparmor(process.security(options.security_opt).get("apparmor", "unconfined"))
    process.capability_set(options.cap_add, options.cap_drop, privileged=options.privileged)
    for text in options.sysctls:
        check_sysctl(text, options)
    if options.sysctls:
        from cuddy.engine import link_options

        link_options.check_sysctls(options)
    for group in options.group_add:
        if not group or any(c in group for c in ":,\n\0"):
            raise InvalidArgument(f"invalid group {group!r}", hint="NAME or GID")


def check_apparmor(profile: str) -> None:
    """A profile needs a kernel that knows profiles. Raises InvalidArgument."""
    if profile == "unconfined":
        return
    from cuddy.kernel import lsm

    if not lsm.has_apparmor():
        hint = "leave the profile out, or apparmor=unconfined"
        raise InvalidArgument("AppArmor is not enabled on this host", hint=hint)


def check_sysctl(text: str, options: ContainerOptions) -> None:
    """A kernel setting must belong to a namespace of the container's own: sysctl(8) NAME=VALUE."""
    name, equals, value = text.partition("=")
    is_network, is_ipc = name.startswith("net."), name in IPC_SYSCTLS
    if not equals or not (is_network or is_ipc or name.startswith("fs.mqueue.")):
        raise InvalidArgument(
            f"sysctl '{text}' is not allowed", hint="NAME=VALUE of what a container has for itself"
        )
    if any(c in text for c in "\n\0") or "/" in name or ".." in name:
        raise InvalidArgument(f"invalid sysctl {text!r}")
    if is_network and options.network == "host":
        raise InvalidArgument(f'sysctl "{name}" not allowed in host network namespace')
    if not is_network and options.ipc_mode == "host":
        raise InvalidArgument(f'sysctl "{name}" is not allowed in the hosts ipc namespace')


def host_config(options: ContainerOptions) -> dict[str, Any]:
    """Its part of HostConfig. Raises InvalidArgument."""
    return {
        "Annotations": pairs(options.annotations, "annotation"),
        "CapAdd": process.normal(options.cap_add, "CapAdd"),
        "CapDrop": process.normal(options.cap_drop, "CapDrop"),
        **requested_devices(options),
        "GroupAdd": list(options.group_add),
        "Isolation": options.isolation,
        "Privileged": options.privileged,
        "ReadonlyRootfs": options.read_only,
        "Runtime": options.runtime or RUNTIME,
        "SecurityOpt": security_options(options),
        "Sysctls": own_sysctls(options),
        **hidden_paths(options),
    }


def own_sysctls(options: ContainerOptions) -> dict[str, str]:
    """Kernel settings but for those of a link, which are its own: `link_options.py`."""
    found = pairs(options.sysctls, "sysctl")
    if not found:
        return found
    from cuddy.engine import link_options

    return link_options.split(found)[0]


def requested_devices(options: ContainerOptions) -> dict[str, list[Any]]:
    """Devices by their paths; GPUs and those that have names of vendors are requests."""
    asked = options.devices, options.gpus, options.device_requests, options.device_cgroup_rules
    if not any(asked):
        return {}
    # Imported here: few containers have any.
    from cuddy.engine import cdi, devices, gpus

    named = [text for text in options.devices if cdi.is_name(text)]
    requests = [*options.device_requests, *map(gpus.parse, options.gpus)]
    if named:
        requests.append({"Driver": "cdi", "Count": 0, "DeviceIDs": named, "Capabilities": None,
                         "Options": None})  # fmt: skip
    paths = [devices.parse_device(text) for text in options.devices if text not in named]
    return {
        "Devices": paths,
        "DeviceRequests": requests,
        "DeviceCgroupRules": [devices.check_rule(text) for text in options.device_cgroup_rules],
    }


def storage_options(options: ContainerOptions) -> dict[str, str]:
    """`--storage-opt`: docker's overlay driver has only the size. Raises InvalidArgument."""
    for text in options.storage_opt:
        key, equals, _ = parted(text)
        if not equals:
            raise InvalidArgument("invalid storage option", hint="KEY=VALUE")
        if key.lower() != "size":
            raise InvalidArgument(f"Unknown option {key}", hint="there is only 'size'")
        hint = "a limit of the container's own files is not there yet; volumes can have one"
        raise InvalidArgument(NO_QUOTA, hint=hint)
    return {}


def pairs(texts: Iterable[Pair], what: str) -> dict[str, str]:
    """KEY=VALUE of each. Raises InvalidArgument."""
    found = {}
    for text in texts:
        key, equals, value = parted(text)
        if not key or not equals or "\0" in key + value:
            raise InvalidArgument(f"invalid {what} {text!r}", hint="KEY=VALUE")
        found[key] = value
    return found


def hidden_paths(options: ContainerOptions) -> dict[str, list[str] | None]:
    """What of /proc and /sys is masked or frozen. Raises InvalidArgument."""
    if options.privileged:
        return {"MaskedPaths": None, "ReadonlyPaths": None}
    if "systempaths" in process.security(options.security_opt):
        return {"MaskedPaths": [], "ReadonlyPaths": []}
    masked, readonly = options.masked_paths, options.readonly_paths
    return {
        "MaskedPaths": list(defaults.MASKED_PATHS if masked is None else masked),
        "ReadonlyPaths": list(defaults.READONLY_PATHS if readonly is None else readonly),
    }


def security_options(options: ContainerOptions) -> list[str]:
    """The options as docker records them: systempaths has become paths, labels make no sense for
    who sees the host's processes.
    """
    found = [text for text in options.security_opt if text[:12] != "systempaths="]
    unlabelled = options.privileged or "host" in (options.pid_mode, options.ipc_mode)
    if unlabelled and not any(text.startswith(("label=", "label:")) for text in found):
        found.append("label=disable")
    return found
