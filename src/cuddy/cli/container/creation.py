"""What `run` and `create` share: the flags of a new container, and the options they become.

A flag says by `into` which option it fills; where name and option agree it says nothing. Only flags
that were given are passed on, so that every default stands once: in `engine.options`.
"""

from __future__ import annotations

import os
import sys

from cuddy import files
from cuddy.cli import boundary, proxies, settings, values
from cuddy.cli.flags import BOOL, BYTES, INT, LIST, STRING, Args, Flag, Kind
from cuddy.engine import create, limits
from cuddy.engine.endpoint import EndpointWish
from cuddy.engine.options import ContainerOptions, configured
from cuddy.errors import InvalidArgument, NoSuchImage, SystemFailure, UsageError
from cuddy.escape import quote
from cuddy.undo import Undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cuddy.engine.home import Home
    from cuddy.engine.mount_grammar import MountSpec

WINDOWS_ONLY = ("cpu_count", "cpu_percent", "io_maxbandwidth", "io_maxiops")


def _list_of(parse: Callable[[str], str], name: str = "list") -> Kind:
    return Kind(name, parse, (), many=True)


def _checked(parse: Callable[[str], str], name: str = "ip") -> Kind:
    return Kind(name, parse, "")


def _mount(word: str) -> MountSpec:
    # Imported here: few containers have any.
    from cuddy.cli.container import mount_flag

    return mount_flag.mount(word)


def _network(word: str) -> EndpointWish:
    if "=" not in word:
        return EndpointWish(word)
    # Imported here: mostly it is a name.
    from cuddy.cli.container import network_flag

    return network_flag.wish(word)


def _list_for_engine(parse: Callable[[str], object], name: str = "list") -> Kind:
    """A list of words that the engine will parse; what it refuses is a wrong flag already here."""

    def read(word: str) -> str:
        try:
            parse(word)
        except InvalidArgument as error:
            raise ValueError(error.message) from None
        return word

    return _list_of(read, name)


def _device_rule(word: str) -> str:
    # Imported here, as below: few containers have any.
    from cuddy.engine import devices

    return devices.check_rule(word)


def _gpu(word: str) -> object:
    from cuddy.engine import gpus

    return gpus.parse(word)


def _duration(word: str) -> int:
    # Imported here: few containers name one.
    from cuddy.engine import moments

    try:
        return moments.duration(word)
    except ValueError:
        reason = "missing unit in" if word.isdigit() else "invalid"
        raise ValueError(f"time: {reason} duration {quote(word)}") from None


_DURATION = Kind("duration", _duration, 0)
UINT16 = Kind("uint16", values.uint16)
FLAGS = (
    Flag("add-host", "", _list_of(values.extra_host), "Add a custom host-to-IP mapping (host:ip)",
         into="add_hosts"),
    Flag("annotation", "", _list_of(values.annotation, "map"),
         "Add an annotation to the container (passed through to the OCI runtime)",
         into="annotations"),
    Flag("attach", "a", _list_of(values.stream), "Attach to STDIN, STDOUT or STDERR"),
    Flag("blkio-weight", "", UINT16,
         "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)"),
    Flag("blkio-weight-device", "", _list_for_engine(limits.weight_device),
         "Block IO weight (relative device weight)"),
    Flag("cap-add", "", LIST, "Add Linux capabilities"),
    Flag("cap-drop", "", LIST, "Drop Linux capabilities"),
    Flag("cgroup-parent", "", STRING, "Optional parent cgroup for the container"),
    Flag("cgroupns", "", STRING, "Cgroup namespace to use (host|private)", into="cgroupns_mode"),
    Flag("cidfile", "", STRING, "Write the container ID to the file"),
    Flag("cpu-count", "", INT, "CPU count (Windows only)", hidden=True),
    Flag("cpu-percent", "", INT, "CPU percent (Windows only)", hidden=True),
    Flag("cpu-period", "", INT, "Limit CPU CFS (Completely Fair Scheduler) period"),
    Flag("cpu-quota", "", INT, "Limit CPU CFS (Completely Fair Scheduler) quota"),
    Flag("cpu-rt-period", "", INT, "Limit CPU real-time period in microseconds"),
    Flag("cpu-rt-runtime", "", INT, "Limit CPU real-time runtime in microseconds"),
    Flag("cpu-shares", "c", INT, "CPU shares (relative weight)"),
    Flag("cpus", "", Kind("decimal", values.nano_cpus), "Number of CPUs", into="nano_cpus"),
    Flag("cpuset-cpus", "", STRING, "CPUs in which to allow execution (0-3, 0,1)"),
    Flag("cpuset-mems", "", STRING, "MEMs in which to allow execution (0-3, 0,1)"),
    Flag("device", "", LIST, "Add a host device to the container", into="devices"),
    Flag("device-cgroup-rule", "", _list_for_engine(_device_rule),
         "Add a rule to the cgroup allowed devices list", into="device_cgroup_rules"),
    Flag("device-read-bps", "", _list_of(values.bytes_per_second),
         "Limit read rate (bytes per second) from a device"),
    Flag("device-read-iops", "", _list_for_engine(limits.throttle),
         "Limit read rate (IO per second) from a device"),
    Flag("device-write-bps", "", _list_of(values.bytes_per_second),
         "Limit write rate (bytes per second) to a device"),
    Flag("device-write-iops", "", _list_for_engine(limits.throttle),
         "Limit write rate (IO per second) to a device"),
    Flag("disable-content-trust", "", BOOL, "Skip image verification", True),
    Flag("dns", "", _list_of(values.address), "Set custom DNS servers"),
    Flag("dns-option", "", LIST, "Set DNS options", into="dns_options", aliases=("dns-opt",)),
    Flag("dns-search", "", _list_of(values.domain), "Set custom DNS search domains"),
    Flag("domainname", "", STRING, "Container NIS domain name"),
    Flag("egress", "", _list_of(str, "policy"),
         "Where it may connect to: none, all or allow:DOMAIN,*.DOMAIN,CIDR:PORT"),
    Flag("entrypoint", "", STRING, "Overwrite the default ENTRYPOINT of the image"),
    Flag("env", "e", settings.VARIABLES, "Set environment variables"),
    Flag("env-file", "", LIST, "Read in a file of environment variables"),
    Flag("expose", "", LIST, "Expose a port or a range of ports"),
    Flag("gidmap", "", LIST, "Map groups of the container: [+ug]CONTAINER:HOST[:SIZE]",
         into="gid_maps"),
    Flag("gpus", "", _list_for_engine(_gpu, "gpu-request"),
         "GPU devices to add to the container ('all' to pass all GPUs)"),
    Flag("group-add", "", LIST, "Add additional groups to join"),
    Flag("health-cmd", "", STRING, "Command to run to check health"),
    Flag("health-interval", "", _DURATION,
         "Time between running the check (ms|s|m|h) (default 0s)"),
    Flag("health-retries", "", INT, "Consecutive failures needed to report unhealthy"),
    Flag("health-start-interval", "", _DURATION,
         "Time between running the check during the start period (ms|s|m|h) (default 0s)"),
    Flag("health-start-period", "", _DURATION,
         "Start period for the container to initialize before starting health-retries countdown "
         "(ms|s|m|h) (default 0s)"),
    Flag("health-timeout", "", _DURATION,
         "Maximum time to allow one check to run (ms|s|m|h) (default 0s)"),
    Flag("help", "", BOOL, "Print usage"),
    Flag("hostname", "h", STRING, "Container host name"),
    Flag("init", "", BOOL,
         "Run an init inside the container that forwards signals and reaps processes"),
    Flag("interactive", "i", BOOL, "Keep STDIN open even if not attached"),
    Flag("io-maxbandwidth", "", BYTES,
         "Maximum IO bandwidth limit for the system drive (Windows only)", hidden=True),
    Flag("io-maxiops", "", INT,
         "Maximum IOps limit for the system drive (Windows only)", hidden=True),
    Flag("ip", "", _checked(values.address), "IPv4 address (e.g., 172.30.100.104)"),
    Flag("ip6", "", _checked(values.address), "IPv6 address (e.g., 2001:db8::33)"),
    Flag("ipc", "", STRING, "IPC mode to use", into="ipc_mode"),
    Flag("isolation", "", STRING, "Container isolation technology"),
    Flag("kernel-memory", "", BYTES, "Kernel memory limit", hidden=True),
    Flag("label", "l", _list_of(values.label), "Set meta data on a container", into="labels"),
    Flag("label-file", "", LIST, "Read in a line delimited file of labels"),
    Flag("link", "", LIST, "Add link to another container", into="links"),
    Flag("link-local-ip", "", _list_of(values.address), "Container IPv4/IPv6 link-local addresses",
         into="link_local_ips"),
    Flag("log-driver", "", STRING, "Logging driver for the container"),
    Flag("log-opt", "", LIST, "Log driver options", into="log_opts"),
    Flag("mac-address", "", STRING, "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
    Flag("memory", "m", BYTES, "Memory limit"),
    Flag("memory-reservation", "", BYTES, "Memory soft limit"),
    Flag("memory-swap", "", Kind("bytes", values.size_or_unlimited),
         "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
    Flag("mount", "", Kind("mount", _mount, (), many=True),
         "Attach a filesystem mount to the container", into="mounts"),
    Flag("memory-swappiness", "", INT, "Tune container memory swappiness (0 to 100)", -1),
    Flag("name", "", STRING, "Assign a name to the container"),
    Flag("network", "", Kind("network", _network, (), many=True),
         "Connect a container to a network", into="networks", aliases=("net",)),
    Flag("network-alias", "", LIST, "Add network-scoped alias for the container",
         into="network_aliases", aliases=("net-alias",)),
    Flag("no-healthcheck", "", BOOL, "Disable any container-specified HEALTHCHECK"),
    Flag("oom-kill-disable", "", BOOL, "Disable OOM Killer"),
    Flag("oom-score-adj", "", INT, "Tune host's OOM preferences (-1000 to 1000)"),
    Flag("pid", "", STRING, "PID namespace to use", into="pid_mode"),
    Flag("pids-limit", "", INT, "Tune container pids limit (set -1 for unlimited)"),
    Flag("platform", "", STRING, "Set platform if server is multi-platform capable"),
    Flag("privileged", "", BOOL, "Give extended privileges to this container"),
    Flag("publish", "p", LIST, "Publish a container's port(s) to the host"),
    Flag("publish-all", "P", BOOL, "Publish all exposed ports to random ports"),
    Flag("pull", "", STRING, 'Pull image before running ("always", "missing", "never")',
         "missing"),
    Flag("quiet", "q", BOOL, "Suppress the pull output"),
    Flag("read-only", "", BOOL, "Mount the container's root filesystem as read only"),
    Flag("restart", "", STRING, "Restart policy to apply when a container exits", "no"),
    Flag("rm", "", BOOL, "Automatically remove the container and its associated anonymous volumes "
         "when it exits", into="auto_remove"),
    Flag("runtime", "", STRING, "Runtime to use for this container"),
    Flag("security-opt", "", LIST, "Security Options"),
    Flag("shm-size", "", BYTES, "Size of /dev/shm"),
    Flag("stop-signal", "", STRING, "Signal to stop the container"),
    Flag("stop-timeout", "", INT, "Timeout (in seconds) to stop a container",
         into="stop_timeout_s"),
    Flag("storage-opt", "", LIST, "Storage driver options for the container"),
    Flag("sysctl", "", Kind("map", values.sysctl, (), many=True), "Sysctl options", into="sysctls"),
    Flag("tmpfs", "", LIST, "Mount a tmpfs directory"),
    Flag("tty", "t", BOOL, "Allocate a pseudo-TTY"),
    Flag("uidmap", "", LIST, "Map users of the container: [+ug]CONTAINER:HOST[:SIZE]",
         into="uid_maps"),
    Flag("ulimit", "", _list_of(values.ulimit, "ulimit"), "Ulimit options", into="ulimits"),
    Flag("use-api-socket", "", BOOL, "Bind mount Docker API socket and required auth"),
    Flag("user", "u", STRING, "Username or UID (format: <name|uid>[:<group|gid>])"),
    Flag("userns", "", STRING, "User namespace to use", into="userns_mode"),
    Flag("uts", "", STRING, "UTS namespace to use", into="uts_mode"),
    Flag("volume", "v", LIST, "Bind mount a volume", into="volumes"),
    Flag("volume-driver", "", STRING, "Optional volume driver for the container"),
    Flag("volumes-from", "", LIST, "Mount volumes from the specified container(s)"),
    Flag("workdir", "w", STRING, "Working directory inside the container"),
)  # fmt: skip


def read_options(args: Args) -> ContainerOptions:
    """The options of a new container. Raises InvalidArgument."""
    check(args)
    given = {key: getattr(args, key) for key in ContainerOptions._fields if key in args.given}
    if "entrypoint" in given:
        given["entrypoint"] = (given["entrypoint"],)
    env = tuple(settings.environment(args.env_file, args.env))
    given["env"] = (*proxies.variables(os.environ, env), *env)
    given["labels"] = (*settings.lines(args.label_file, "label"), *args.labels)
    # The same twice is once, to docker's command line.
    given["volumes"] = tuple(dict.fromkeys(_absolute(volume) for volume in args.volumes))
    given["security_opt"] = tuple(security_option(option) for option in args.security_opt)
    given["caller"] = caller(os.environ)
    given |= configured(os.environ)
    if args.networks:
        given |= networks(args.networks)
    image, *command = args.names
    return ContainerOptions(image=image, command=tuple(command), **given)


def check(args: Args) -> None:
    """What the flags say agrees with itself. Raises UsageError."""
    if args.auto_remove and "restart" in args.given:
        # Imported here: most containers do not come back.
        from cuddy.engine import restart_policy

        if restart_policy.parse(args.restart)["Name"] != restart_policy.NO:
            raise UsageError("conflicting options: cannot specify both --restart and --rm")
    for name in WINDOWS_ONLY:
        if name in args.given:
            flag = name.replace("_", "-")
            raise UsageError(
                f'"--{flag}" is only supported on a Docker daemon running on windows,'
                " but this is linux"
            )
    if args.use_api_socket:
        raise UsageError("--use-api-socket: there is no API socket", hint="cuddy has no daemon")
    if not all(wish.network for wish in args.networks):
        raise UsageError("no name set for network", hint="'cuddy network ls' lists them")


def networks(wishes: Sequence[EndpointWish]) -> dict[str, object]:
    """The options that all `--network` together make: the first says which kind it is."""
    found = tuple(
        wish._replace(network="bridge") if wish.network == "default" else wish for wish in wishes
    )
    if len(found) == 1 and not found[0].config:
        return {"network": found[0].network}
    return {"network": found[0].network, "endpoints": found}


def caller(environment: Mapping[str, str]) -> str:
    """UID:GID of who has become root by sudo, which says so; "" if nobody has."""
    ids = environment.get("SUDO_UID", ""), environment.get("SUDO_GID", "")
    is_by_sudo = os.geteuid() == 0 and all(each.isascii() and each.isdigit() for each in ids)
    return ":".join(ids) if is_by_sudo else ""


def _absolute(volume: str) -> str:
    """A -v argument with a source that begins with a dot made absolute."""
    if not volume:
        raise InvalidArgument("invalid empty volume spec", hint="-v /source:/target[:options]")
    if "" in volume.split(":"):
        raise InvalidArgument(f"invalid spec: {volume}: empty section between colons")
    source, colon, rest = volume.partition(":")
    return f"{os.path.abspath(source)}{colon}{rest}" if colon and source[:1] == "." else volume


def security_option(option: str) -> str:
    """A --security-opt argument; a seccomp profile is replaced by its content, as compact JSON."""
    name, separator, value = option.partition("=")
    if not separator:
        name, separator, value = option.partition(":")
    if not separator and name != "no-new-privileges":
        raise UsageError(f'Invalid --security-opt: "{option}"')
    if name != "seccomp" or value in ("unconfined", "builtin"):
        return option
    try:
        profile = files.parse_json(settings.read(value))
    except ValueError as error:
        raise InvalidArgument(f"seccomp profile ({value}) cannot be read: {error}") from None
    return f"seccomp={files.format_json(profile)}"


def make(home: Home, options: ContainerOptions, args: Args, container_id: str) -> None:
    """Create the container, pulling its image if need be, and write --cidfile."""
    if args.cidfile and os.path.lexists(args.cidfile):
        raise InvalidArgument(
            f"container ID file found: {args.cidfile}",
            hint="make sure the other container is not running, or delete the file",
        )
    _make(home, options, container_id, quiet=args.quiet)
    if args.cidfile:
        try:
            _write_id(args.cidfile, container_id)
        except SystemFailure:  # docker opens the file first, and makes no container without it
            discard(home, container_id)
            raise


def _write_id(path: str, container_id: str) -> None:
    """--cidfile. Raises SystemFailure."""
    try:
        files.write(os.path.abspath(path), container_id.encode(), mode=0o644, durable=False)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        message = f"failed to create the container ID file {path}: {reason}"
        raise SystemFailure(message) from error


def _make(home: Home, options: ContainerOptions, container_id: str, *, quiet: bool) -> None:
    """Create the container from an image that is here, or else from its registry's."""
    try:
        create.create(home, options, container_id=container_id, warn=_warn)
        return
    except NoSuchImage as error:
        if options.pull == "never" or error.name != options.image:  # one that is to be mounted
            raise
    if options.pull == "missing" and not quiet:
        sys.stderr.write(f"Unable to find image '{options.image}' locally\n")
    # What fetching needs costs more to import than a container to start.
    from cuddy.cli import progress
    from cuddy.engine import registries

    settings = registries.settings(os.environ)
    with progress.Display(sys.stderr, quiet=quiet) as show:
        create.create(
            home, options, settings=settings, progress=show, container_id=container_id, warn=_warn
        )


def _warn(text: str) -> None:
    boundary.warn([text])


def discard(home: Home, container_id: str) -> None:
    """Remove a container that came to nothing, as far as it is there."""
    # Imported here: most come to something.
    from cuddy.engine import rm

    undo = Undo()
    undo.add(rm.rm, home, container_id, force=True, volumes=True)
    undo.run()
