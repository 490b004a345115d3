"""RUN: a program in a container on the root of a stage, with what the instruction mounts for it."""

from __future__ import annotations

from cuddy.builder import heredoc, mounts_flag
from cuddy.engine import build_run, create
from cuddy.engine.options import ContainerOptions
from cuddy.errors import InvalidArgument, NotPermitted
from cuddy.image import changes
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cuddy.builder.instructions import Run
    from cuddy.builder.mounts_flag import Mount
    from cuddy.builder.options import BuildOptions
    from cuddy.builder.run_room import Resolve
    from cuddy.builder.secrets import Secrets
    from cuddy.builder.ssh import Agents
    from cuddy.engine.build_run import Output
    from cuddy.engine.home import Home
    from cuddy.image.spec import RunConfig

    Expand = Callable[[str], str]
    Warn = Callable[[str], object]

HOST_NETWORK, INSECURE, DEVICE = "network.host", "security.insecure", "device"
"""What `--allow` gives."""


class Wanted(NamedTuple):
    """One RUN, all variables replaced: what is to run, where, as whom, with what."""

    argv: tuple[str, ...]
    script: bytes | None = None  # to be found where the last word of argv leads
    env: tuple[str, ...] = ()  # NAME=VALUE
    user: str = ""
    workdir: str = "/"
    mounts: tuple[Mount, ...] = ()
    network: str = "default"
    is_insecure: bool = False
    devices: tuple[str, ...] = ()


class Lent(NamedTuple):
    """What the build lends its steps."""

    find: Resolve  # what `from` of a mount means; "": the build context
    secrets: Secrets
    agents: Agents


def want(
    run: Run, config: RunConfig, env: Sequence[str], options: BuildOptions, expand: Expand
) -> Wanted:
    """What an instruction asks for. Raises InvalidArgument; NotPermitted for what `--allow` lacks.

    `env`: all variables that it sees, those of ARG too.
    """
    argv, script = heredoc.command(run, config.get("Shell") or changes.DEFAULT_SHELL)
    network = run.network or "default"
    is_insecure = run.security == "insecure"
    if network == "host":
        require(options, HOST_NETWORK)
    if is_insecure:
        require(options, INSECURE)
    return Wanted(
        tuple(argv), script, tuple(env), config.get("User") or "",
        "/" + (config.get("WorkingDir") or "").lstrip("/"),
        tuple(mounts_flag.parse(text, expand) for text in run.mounts),
        network if network != "default" else options.network or "default",
        is_insecure,
        tuple(find_devices(run.devices, options, expand)),
    )  # fmt: skip


def require(options: BuildOptions, entitlement: str, *others: str) -> None:
    """Raise NotPermitted unless the user allows it."""
    given = {word.strip() for text in options.allow for word in text.split(",")}
    if not given.intersection((entitlement, *others)):
        hint = f"--allow {entitlement} allows it"
        raise NotPermitted(f"{entitlement} is not allowed", hint=hint)


def find_devices(texts: Sequence[str], options: BuildOptions, expand: Expand) -> list[str]:
    """`--device=NAME[,required]`: the names of those that are there. Raises as `want`."""
    found = []
    for text in texts:
        # Imported here: few steps have any.
        from cuddy.engine import cdi

        name, is_required = parse_device(text, expand)
        if not cdi.is_name(name):
            raise InvalidArgument(f"invalid device name {name!r}", hint="such as vendor.com/gpu=0")
        require(options, DEVICE, f"{DEVICE}={name}")
        try:
            cdi.find([{"Driver": "cdi", "DeviceIDs": [name]}])
        except InvalidArgument:
            if is_required:
                raise
            continue
        found.append(name)
    return found


def parse_device(text: str, expand: Expand) -> tuple[str, bool]:
    """The name of a device, and whether it must be there. Raises InvalidArgument."""
    name, is_required = "", False
    for field in mounts_flag.fields(text):
        key, equals, value = field.partition("=")
        if key.lower() == "name" and equals:
            name = expand(value)
        elif key.lower() == "required":
            is_required = mounts_flag.parse_bool(key, expand(value)) if equals else True
        elif not name and "/" in key:
            name = expand(field)
        else:
            raise InvalidArgument(
                f"unexpected key '{key}' in '{field}'",
                hint=mounts_flag.meant(key, ("name", "required")),
            )
    return name, is_required


def run(
    home: Home, wanted: Wanted, root: str, options: BuildOptions, lent: Lent, output: Output,
    warn: Warn = str,
) -> int:  # fmt: skip
    """Run it on a root that is mounted in the caller's own mount namespace; its exit code.

    Raises CuddyError if it cannot begin.
    """
    with Running(home, wanted, root, options, lent, warn) as running:
        return running.step.attend(output)


class Running:
    """A RUN that has begun: inside `with`, where all it was lent is there."""

    def __init__(
        self, home: Home, wanted: Wanted, root: str, options: BuildOptions, lent: Lent, warn: Warn,
        *, tty: bool = False, stdin: int = -1,
    ) -> None:  # fmt: skip
        self.home = home
        self.wanted = wanted
        self.root = root
        self.options = options
        self.lent = lent
        self.warn = warn
        self.tty = tty
        self.stdin = stdin

    def __enter__(self) -> Running:
        # Imported here: what mounts nothing needs none of it.
        from cuddy.builder.run_room import Room

        self.room = Room(self.home, self.wanted.workdir, self.lent.find)
        try:
            self.room.furnish(self.wanted.mounts, self.lent.secrets, self.lent.agents)
            if self.wanted.script is not None:
                self.room.place_script(self.wanted.argv[-1], self.wanted.script)
            self.step = build_run.Step(self.home, self._settle(), self.warn, self.stdin)
            try:
                self.step.begin()
            except BaseException:
                self.step.close()
                raise
        except BaseException:
            self.room.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.step.close()
        self.room.close()

    def _settle(self) -> build_run.RunOptions:
        names = {text.partition("=")[0] for text in self.wanted.env}
        lent = [text for text in self.room.variables if not is_agent_of(text, names)]
        wanted = self.wanted._replace(env=(*self.wanted.env, *lent))
        container = container_options(wanted, self.options)._replace(tty=self.tty)
        return build_run.RunOptions(self.root, container, tuple(self.room.entries))


def is_agent_of(text: str, names: set[str]) -> bool:
    """Whether a variable names an agent's socket though the user has said which it is."""
    return text.startswith("SSH_AUTH_SOCK=") and "SSH_AUTH_SOCK" in names


def container_options(wanted: Wanted, options: BuildOptions) -> ContainerOptions:
    """The same as of `run`. Pure."""
    network = "bridge" if wanted.network in ("", "default", "sandbox") else wanted.network
    return ContainerOptions(
        "",
        command=wanted.argv,
        entrypoint=(),
        env=wanted.env,
        user=wanted.user,
        workdir=wanted.workdir,
        network=network,
        add_hosts=options.add_hosts,
        privileged=wanted.is_insecure,
        devices=wanted.devices,
        security_opt=() if wanted.is_insecure else options.security_opt,
        ulimits=options.ulimits,
        shm_size=options.shm_size or create.DEFAULT_SHM_SIZE,
        memory=options.memory,
        memory_swap=options.memory_swap,
        cpu_shares=options.cpu_shares,
        cpu_period=options.cpu_period,
        cpu_quota=options.cpu_quota,
        cpuset_cpus=options.cpuset_cpus,
        cpuset_mems=options.cpuset_mems,
        cgroup_parent=options.cgroup_parent,
        isolation=options.isolation,
    )


def check(options: BuildOptions) -> None:
    """See that what a build gives its steps makes sense, before any begins. Raises CuddyError."""
    # Imported here: `run` is given them.
    from cuddy.builder import lending

    create.check(container_options(Wanted(("true",), network=options.network), options))
    lending.check(options)


def shown(argv: Sequence[str]) -> str:
    """A command as BuildKit's messages have it."""
    return " ".join(argv)
