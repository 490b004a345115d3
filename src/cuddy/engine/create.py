"""Create: options and an image become a container's record and directory. Nothing runs yet."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.engine import (
    containers,
    events,
    health,
    host_config,
    isolation,
    limits,
    names,
    network_options,
    process,
    sharing,
    signals,
    users,
)
from cuddy.engine.home import Home
from cuddy.errors import InvalidArgument, NoSuchImage, SystemFailure
from cuddy.image import host, platform, snapshots, store
from cuddy.network import resolv
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from cuddy.engine.container import Container
    from cuddy.engine.mounts import Lender, MountPoint
    from cuddy.engine.options import ContainerOptions
    from cuddy.image.pull import Progress
    from cuddy.image.settings import Settings
    from cuddy.image.store import Image

PULL_POLICIES = ("always", "missing", "never")
DEFAULT_SHM_SIZE = 64 << 20
ROUNDS = 3
"""Of a pull, if somebody removes the image before the container has it."""


def create(
    home: Home,
    options: ContainerOptions,
    *,
    settings: Settings | None = None,
    progress: Callable[[Progress], None] | None = None,
    container_id: str = "",
    warn: Callable[[str], object] = str,
) -> Container:
    """Make a container of an image, pulling it if the options allow. Raises CuddyError.

    `warn` is told what will not be as asked for. `container_id`: from `names.generate_id`, for
    callers who want to know it beforehand.
    """
    check(options)
    wanted = options.image
    if options.pull == "always":
        wanted = pull_image(home, options, settings, progress)
    for _ in range(ROUNDS):
        # Nobody removes the image until the record names it. Not while pulling: that takes long.
        with store.hold(home.storage):
            image = find_image(home, options, wanted)
            if image:
                chosen_id = container_id or names.generate_id()
                record = make(home, options, image, chosen_id, warn)
                events.emit_container(home, "create", record)
                return record
        wanted = pull_image(home, options, settings, progress)
    raise NoSuchImage(options.image, hint="it is being removed as often as it is pulled")


def check(options: ContainerOptions) -> None:
    """Everything that can be known to be wrong before anything is touched."""
    if options.name:
        names.check(options.name.removeprefix("/"))
    sharing.check(options)
    if options.pull not in PULL_POLICIES:
        known = 'must be one of "always", "missing" or "never"'
        raise InvalidArgument(f"invalid pull option: '{options.pull}': {known}")
    platform.parse(options.platform)
    restart(options)
    check_hostname("hostname", options.hostname)
    check_hostname("domain name", options.domainname)
    if options.workdir and not options.workdir.startswith("/"):
        raise InvalidArgument(
            f"the working directory {options.workdir!r} is invalid, it needs to be an absolute path"
        )
    for text in (*options.command, *(options.entrypoint or ()), options.workdir):
        if "\0" in text:
            raise InvalidArgument(f"NUL character in {text!r}")
    users.check(options.user)
    if options.stop_signal:
        signals.parse(options.stop_signal)
    check_resolver(options)
    network_options.check(options)
    log_config(options)
    limits.check(host_config.DEFAULTS | limits.host_config(options))
    isolation.check(options)
    health.check(options)
    isolation.host_config(options)
    plan_mounts(Home(), options)


def make(
    home: Home, options: ContainerOptions, image: Image, container_id: str,
    warn: Callable[[str], object],
) -> Container:  # fmt: skip
    """The container's record and directory, and the volumes it mounts."""
    lenders: list[Lender] = []
    if options.volumes_from:
        # Imported here, as below: a plain container mounts nothing of its own.
        from cuddy.engine import mounts

        lenders = mounts.find_lenders(home, options)
    record = build_record(home, options, image, container_id, lenders)
    if "Sandbox" in record:
        record["Sandbox"]["ImageLayers"] = len(image.chain_ids)
        record["Sandbox"]["Snapshots"] = [list(image.chain_ids)]
    for text in unsupported(options, record):
        warn(text)
    if options.publish or options.publish_all:
        from cuddy.engine import publishing

        for text in publishing.discarded(home, record):
            warn(text)
    if not record["Mounts"]:
        write(home, record, options)
        return record
    from cuddy.engine import mount_sources

    with mount_sources.claim(home, record, lenders):
        write(home, record, options)
    return record


def unsupported(options: ContainerOptions, record: Container) -> list[str]:
    """Take out of a record what this kernel cannot do; returns Docker's warnings."""
    config = record["HostConfig"]
    if not options.kernel_memory and not limits.are_set(config):
        return []
    # Imported here: it looks at control groups, which a plain container's command does not.
    from cuddy.engine import support

    warnings = support.discard(config)
    return [support.NO_KERNEL_MEMORY, *warnings] if options.kernel_memory else warnings


def check_resolver(options: ContainerOptions) -> None:
    """Refuse resolver options and extra hosts that make no sense. Raises InvalidArgument."""
    resolv.resolv_conf("", dns=options.dns, search=options.dns_search, options=options.dns_options)
    resolv.hosts(
        (), (), [resolv.parse_extra_host(t, gateway="127.0.0.1") for t in options.add_hosts]
    )


def check_hostname(what: str, name: str) -> None:
    """RFC 1123 and, as Docker has it, underscores; at most the 64 characters of the kernel's."""
    allowed = names.LETTERS | set("-._")
    if name and (len(name) > 64 or not allowed.issuperset(name) or name[0] in "-."):
        raise InvalidArgument(f"invalid {what} {name!r}", hint="letters, digits, -, _ and .")


def find_image(home: Home, options: ContainerOptions, wanted: str) -> Image | None:
    """The image of that name in the store; None if it has to be pulled. Raises NoSuchImage."""
    if wanted == host.NAME:
        return host.IMAGE if fits_platform(host.IMAGE, options.platform) else None
    try:
        image = store.resolve(home.storage, wanted)
    except NoSuchImage:
        if options.pull == "never":
            hint = f"'cuddy pull {options.image}' fetches it"
            raise NoSuchImage(options.image, hint=hint) from None
        return None
    if wanted != options.image or fits_platform(image, options.platform):
        return image  # what was just pulled was chosen by its platform already
    if options.pull == "never":
        raise NoSuchImage(options.image, hint=f"the one here is not for {options.platform}")
    return None


def pull_image(
    home: Home,
    options: ContainerOptions,
    settings: Settings | None,
    progress: Callable[[Progress], None] | None,
) -> str:
    """Bring the image from its registry; the id by which it can be found."""
    if options.image == host.NAME and fits_platform(host.IMAGE, options.platform):
        return host.NAME
    if options.image == host.NAME:
        raise NoSuchImage(host.NAME, hint=f"it is this machine, {platform.host()}")
    if settings is None:
        raise NoSuchImage(options.image, hint=f"'cuddy pull {options.image}' fetches it")
    # Imported here: the registry client costs more than starting a container.
    from cuddy.engine import pull

    return pull.pull(
        home, options.image, platform=options.platform, settings=settings, progress=progress
    ).id


def fits_platform(image: Image, wanted: str) -> bool:
    """Whether an image that is here is of the platform asked for: os/architecture[/variant]."""
    fitting = platform.preference(platform.parse(wanted)) if wanted else []
    return not wanted or platform.of(image.config) in fitting


def build_record(
    home: Home,
    options: ContainerOptions,
    image: Image,
    container_id: str,
    lenders: Sequence[Lender] = (),
) -> Container:
    """container.json of a new container. `lenders`: of --volumes-from."""
    config: dict[str, Any] = dict(image.config.get("config") or {})
    if options.sandbox:
        config.pop("Volumes", None)  # what is there is part of its snapshots
    entrypoint, words = process.command(options, config)
    where = home.container_dir(container_id)
    named = {k: containers.find(home, name) for k, name in sharing.named(options).items()}
    options, others = sharing.settle_users(options, named)
    options = sharing.with_names(options, others, container_id)
    points = plan_mounts(home, options, config.get("Volumes") or (), lenders)
    return {
        "Id": container_id,
        "Created": files.now(),
        "Path": [*entrypoint, *words][0],
        "Args": [*entrypoint, *words][1:],
        "Image": image.id,
        "Name": "",
        "RestartCount": 0,
        "Driver": "overlay",
        "Platform": "linux",
        **sharing.files_about_network(where, others),
        "LogPath": f"{where}/log.json" if options.log_driver in ("", "json-file") else "",
        "Config": build_config(options, config, entrypoint, words)
        | network_options.config(options, config),
        "HostConfig": build_host_config(options)
        | sharing.host_config(options, others)
        | network_options.host_config(home, options)
        | network_options.egress_config(options, others),
        "Mounts": points,
        **network_options.networks(home, options),
        "ChainIds": list(image.chain_ids),
        **({"Sandbox": options.sandbox} if options.sandbox else {}),
    }


def build_config(
    options: ContainerOptions, image: dict[str, Any], entrypoint: list[str], words: list[str]
) -> dict[str, Any]:
    """The `Config` section: what is independent of the host."""
    return {
        "Hostname": options.hostname,
        "Domainname": options.domainname,
        "User": options.user or image.get("User") or "",
        "AttachStdin": options.stdin_once if options.attach_stdin is None else options.attach_stdin,
        "AttachStdout": "stdout" in options.outputs,
        "AttachStderr": "stderr" in options.outputs,
        "Tty": options.tty,
        "OpenStdin": options.interactive,
        "StdinOnce": options.stdin_once,
        "Env": process.environment(image.get("Env") or (), options.env),
        "Cmd": words or None,
        "Image": options.image,
        "Volumes": config_volumes(options, image.get("Volumes")),
        "WorkingDir": options.workdir or "/" + (image.get("WorkingDir") or "").lstrip("/"),
        "Entrypoint": entrypoint or None,
        "Labels": process.labels(image.get("Labels") or {}, options.labels),
        "StopSignal": options.stop_signal or signals.to_stop(image.get("StopSignal") or ""),
        "StopTimeout": options.stop_timeout_s,
    } | health.settings(options, image)


def plan_mounts(
    home: Home, options: ContainerOptions, image_volumes: Iterable[str] = (),
    lenders: Sequence[Lender] = (),
) -> list[MountPoint]:  # fmt: skip
    """The mount points of the container. Raises InvalidArgument."""
    if not (options.volumes or options.mounts or options.tmpfs or image_volumes or lenders):
        return []
    from cuddy.engine import mounts

    return mounts.plan(home, options, image_volumes, lenders)


def tmpfs(options: ContainerOptions) -> dict[str, str]:
    """HostConfig.Tmpfs. Raises InvalidArgument."""
    if not options.tmpfs:
        return {}
    from cuddy.engine import mount_grammar

    return dict(mount_grammar.parse_tmpfs(text) for text in options.tmpfs)


def config_volumes(
    options: ContainerOptions, image: dict[str, Any] | None
) -> dict[str, Any] | None:
    """The places of anonymous volumes: the image's, and those that `-v` names."""
    if not options.volumes:
        return image or None
    from cuddy.engine import mounts

    return {**(image or {}), **{place: {} for place in mounts.anonymous_places(options)}} or None


def build_host_config(options: ContainerOptions) -> dict[str, Any]:
    """The `HostConfig` section: what ties it to this host."""
    found: dict[str, Any] = {
        "Binds": [text for text in options.volumes if ":" in text],
        "ContainerIDFile": options.cidfile,
        "ConsoleSize": list(options.console_size),
        "RestartPolicy": restart(options),
        "AutoRemove": options.auto_remove,
        "Dns": list(options.dns),
        "DnsOptions": list(options.dns_options),
        "DnsSearch": list(options.dns_search),
        "ExtraHosts": list(options.add_hosts),
        "Mounts": list(options.mounts),
        "VolumesFrom": list(options.volumes_from),
        "VolumeDriver": options.volume_driver,
        "Tmpfs": tmpfs(options),
        "ShmSize": options.shm_size or DEFAULT_SHM_SIZE,
        "Init": options.init,
        "LogConfig": log_config(options),
    }
    return (
        host_config.DEFAULTS | found | isolation.host_config(options) | limits.host_config(options)
    )


def restart(options: ContainerOptions) -> dict[str, Any]:
    """HostConfig.RestartPolicy. Raises InvalidArgument, Conflict."""
    usual: dict[str, Any] = host_config.DEFAULTS["RestartPolicy"]
    if options.restart == usual["Name"]:
        return usual
    # Imported here: few containers come back.
    from cuddy.engine import restart_policy

    policy = restart_policy.parse(options.restart)
    restart_policy.check_removal(policy, auto_remove=options.auto_remove)
    return policy


def log_config(options: ContainerOptions) -> dict[str, Any]:
    """Where the container's output is kept. Raises InvalidArgument."""
    if not options.log_driver and not options.log_opts:
        return {"Type": "json-file", "Config": {}}
    from cuddy.engine import logoptions

    return logoptions.log_config(options.log_driver, options.log_opts)


def write(home: Home, record: Container, options: ContainerOptions) -> None:
    """Make the container's directory aside, then let it appear: name first, directory second.

    A kill in between leaves a name that leads nowhere, which the next claim of it replaces.
    """
    record["Creator"] = files.name_temporary()
    aside = f"{home.tmp_dir}/{record['Id']}.{record['Creator']}"
    try:
        with Undo() as undo:
            undo.add(files.remove_tree, aside)
            os.mkdir(aside, 0o700)
            os.mkdir(f"{aside}/rootfs", 0o700)
            if record["Image"] == host.IMAGE.id:
                layers = snapshots.paths(home.storage, record["ChainIds"])
                host.make_upper(f"{aside}/upper", f"{aside}/work", layers)
            else:
                snapshots.make_upper(
                    home.storage, record["ChainIds"], f"{aside}/upper", f"{aside}/work"
                )
            if any(point["Type"] == "volume" for point in record["Mounts"]):
                from cuddy.engine import copy_up

                copy_up.fill(home, record, aside)
            with files.Lock(home.lock_path):
                wanted = options.name.removeprefix("/")
                record["Name"] = f"/{names.claim(home, record['Id'], wanted)}"
                undo.add(os.unlink, f"{home.names_dir}{record['Name']}")
                if record["HostConfig"]["UsernsMode"] not in ("", "host"):
                    from cuddy.engine import id_ranges

                    id_ranges.assign(home, record, options, undo)
                durable = not record["HostConfig"]["AutoRemove"]
                files.write_json(f"{aside}/container.json", record, durable=durable)
                os.rename(aside, home.container_dir(record["Id"]))
    except OSError as error:
        raise SystemFailure.from_os("cannot make the container", error) from error
