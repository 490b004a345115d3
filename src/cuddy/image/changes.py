"""Instructions that change an image's config: those of a Dockerfile, and of `--change`.

Text in, a changed copy of the config out; nothing else happens. What Docker makes of quotes, blanks
and JSON is kept, also where it surprises: `tests/unit/image/test_changes.py` has its answers.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.image import forms, words
from cuddy.image.forms import Form

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeVar

    Value = TypeVar("Value")

    from cuddy.image.spec import RunConfig
    from cuddy.image.words import Known

DEFAULT_SHELL = ["/bin/sh", "-c"]
PROTOCOLS = ("tcp", "udp", "sctp")
MAX_PORT = 65535
ONLY_IN_FILES = ("SHELL",)
"""Instructions of a Dockerfile that `--change` refuses."""


def change(
    config: RunConfig, form: Form, values: Known, *, keeps_command: bool = False,
    own: Own | None = None,
) -> RunConfig:  # fmt: skip
    """The config changed by one instruction; `values` are what its variables are worth.

    `keeps_command`: a CMD stands above, in the same stage, which another ENTRYPOINT leaves alone.
    `own`: what of the config may be changed in its place, the same for all instructions.

    Raises InvalidArgument.
    """
    made: RunConfig = config.copy()
    CHANGES[form.name](made, form, _Variables(values, form.escape, own or Own(config)))
    if form.name == "ENTRYPOINT" and not keeps_command:
        made["Cmd"] = None
    return made


def apply(config: RunConfig, texts: Iterable[str]) -> RunConfig:
    """The config changed by instructions, in their order. Raises InvalidArgument, naming them."""
    texts = list(texts)
    has_command = found = False
    for line in lines("\n".join(texts)):
        form = read(line)
        if form.name not in CHANGES or form.name in ONLY_IN_FILES:
            names = [name for name in CHANGES if name not in ONLY_IN_FILES]
            raise InvalidArgument(
                f"{form.name} is not an instruction that can change an image's config",
                hint=f"one of {', '.join(names)}",
            )
        values = words.variables(config.get("Env") or ())
        try:
            config = change(config, form, values, keeps_command=has_command)
        except InvalidArgument as error:
            if error.message.startswith(form.name):
                raise
            raise InvalidArgument(f"{form.name}: {error.message}", hint=error.hint) from None
        has_command = has_command or (form.name == "CMD" and bool(config.get("Cmd")))
        found = True
    if not found and texts:
        raise InvalidArgument("a change has no instruction", hint='such as "ENV NAME=VALUE"')
    return config


def read(line: str) -> Form:
    """One line as an instruction. Raises InvalidArgument."""
    name, rest = forms.halves(line.strip())
    flags: list[tuple[str, str]] = []
    while name.upper() != "ONBUILD" and rest.startswith("--"):
        word, rest = forms.halves(rest)
        if word == "--":
            break
        flag, _, value = word[2:].partition("=")
        if any(flag == each for each, _ in flags):
            raise InvalidArgument(f"{name.upper()}: duplicate flag specified: --{flag}")
        flags.append((flag, value))
    return Form(name.upper(), rest, tuple(flags))


def lines(text: str) -> list[str]:
    """The instructions of a text: comments left out, continued lines put together."""
    found: list[str] = []
    whole = ""
    for line in text.split("\n"):
        if line.lstrip().startswith("#") or (whole and not line.strip()):
            continue
        stripped = line.rstrip(" \t")
        if stripped.endswith(words.ESCAPE):
            whole += stripped[:-1]
            continue
        whole += line
        if whole.strip():
            found.append(whole.strip())
        whole = ""
    return [*found, whole.strip()] if whole.strip() else found


class Own:
    """What of a config is nobody else's and may grow in its place: a file of a hundred thousand
    instructions would else copy, and search, a list of as many for each of them.
    """

    def __init__(self, config: RunConfig) -> None:
        self.environment = list(config.get("Env") or ())
        self.places: dict[str, int] = {}  # of the variables; the first of a name counts
        for place, entry in enumerate(self.environment):
            self.places.setdefault(entry.partition("=")[0], place)
        self.hidden: set[str] = set()  # variables above an ARG of the same name
        self.triggers: list[str] | None = None
        self._taken: set[str] = set()

    def get(self, name: str) -> str | None:
        """What a variable of the environment is worth."""
        place = self.places.get(name)
        return None if place is None else self.environment[place].partition("=")[2]

    def put(self, name: str, value: str) -> None:
        """Give a variable of the environment a value."""
        self.hidden.discard(name)
        place = self.places.setdefault(name, len(self.environment))
        self.environment[place : place + 1] = (f"{name}={value}",)

    def take(self, name: str, found: dict[str, Value] | None) -> dict[str, Value]:
        """A part of the config, to be changed."""
        if found is not None and name in self._taken:
            return found
        self._taken.add(name)
        return dict(found or {})


class _Variables:
    """What the variables of one instruction are worth."""

    def __init__(self, values: Known, escape: str, own: Own) -> None:
        self.values = values
        self.escape = escape
        self.own = own

    def expand(self, text: str) -> str:
        return words.expand(text, self.values, self.escape)

    def expand_all(self, text: str) -> list[str]:
        return words.expand_all(text, self.values, self.escape)


def _command_line(config: RunConfig, form: Form) -> list[str]:
    """The exec form, or the shell that is to run the words as they are."""
    found = forms.command(form)
    if found is not None:
        return found
    shell = config.get("Shell") or DEFAULT_SHELL
    return [*shell, form.rest] if form.rest else list(shell)


def _cmd(config: RunConfig, form: Form, variables: _Variables) -> None:
    config["Cmd"] = _command_line(config, form)


def _entrypoint(config: RunConfig, form: Form, variables: _Variables) -> None:
    config["Entrypoint"] = (_command_line(config, form) if form.rest else None) or None


def _env(config: RunConfig, form: Form, variables: _Variables) -> None:
    for name, value in _pairs(form, variables):
        variables.own.put(name, value)
    config["Env"] = variables.own.environment


def _label(config: RunConfig, form: Form, variables: _Variables) -> None:
    labels = variables.own.take("Labels", config.get("Labels"))
    labels |= _pairs(form, variables)
    config["Labels"] = labels


def _pairs(form: Form, variables: _Variables) -> list[tuple[str, str]]:
    found = [
        (variables.expand(name), variables.expand(value)) for name, value in forms.key_values(form)
    ]
    if not all(name for name, _ in found):
        raise InvalidArgument(f"{form.name} names can not be blank")
    return found


def _expose(config: RunConfig, form: Form, variables: _Variables) -> None:
    ports = variables.own.take("ExposedPorts", config.get("ExposedPorts"))
    for word in forms.ports(form):
        for port in variables.expand_all(word):
            ports |= {each: {} for each in exposed(port)}
    config["ExposedPorts"] = ports


def _user(config: RunConfig, form: Form, variables: _Variables) -> None:
    config["User"] = variables.expand(forms.single(form))


def _volume(config: RunConfig, form: Form, variables: _Variables) -> None:
    volumes = variables.own.take("Volumes", config.get("Volumes"))
    for text in forms.paths(form):
        path = variables.expand(text)
        if not path:
            raise InvalidArgument("VOLUME specified can not be an empty string")
        volumes[path] = {}
    config["Volumes"] = volumes


def _workdir(config: RunConfig, form: Form, variables: _Variables) -> None:
    path = variables.expand(forms.single(form))
    if not path:
        raise InvalidArgument("WORKDIR requires a path that is not empty")
    config["WorkingDir"] = directory(config.get("WorkingDir") or "/", path)


def directory(current: str, path: str) -> str:
    """Where WORKDIR leads from a directory."""
    import posixpath

    return "/" + posixpath.normpath(posixpath.join("/", current, path)).lstrip("/")


def _stopsignal(config: RunConfig, form: Form, variables: _Variables) -> None:
    name = variables.expand(forms.single(form))
    if not is_signal(name):
        raise InvalidArgument(f"invalid signal: {name}")
    config["StopSignal"] = name


def _onbuild(config: RunConfig, form: Form, variables: _Variables) -> None:
    own = variables.own
    if own.triggers is None:
        own.triggers = list(config.get("OnBuild") or ())
    own.triggers.append(forms.trigger(form))
    config["OnBuild"] = own.triggers


def _healthcheck(config: RunConfig, form: Form, variables: _Variables) -> None:
    config["Healthcheck"] = forms.health(form)


def _shell(config: RunConfig, form: Form, variables: _Variables) -> None:
    config["Shell"] = forms.shell(form)


CHANGES: dict[str, Callable[[RunConfig, Form, _Variables], None]] = {
    "CMD": _cmd,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "ONBUILD": _onbuild,
    "SHELL": _shell,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}


def exposed(text: str) -> list[str]:
    """`[[ADDRESS:]PORTS:]PORT[-PORT][/PROTOCOL]` as keys of ExposedPorts. Raises InvalidArgument.

    What stands before the container's ports has no meaning for an image.
    """
    ports, _, protocol = text.rpartition(":")[2].partition("/")
    protocol = protocol.lower() or "tcp"
    if not ports:
        raise InvalidArgument(f"invalid port: {text!r}: no port specified")
    if protocol not in PROTOCOLS:
        raise InvalidArgument(
            f"invalid port: {text!r}: invalid proto: {protocol}", hint=", ".join(PROTOCOLS)
        )
    first, _, last = ports.partition("-")
    last = last or first
    for port in (first, last):
        is_number = port.isdecimal() and port.isascii() and len(port.lstrip("0")) <= 5
        if not (is_number and int(port) <= MAX_PORT):
            raise InvalidArgument(f"invalid containerPort: {ports}")
    if int(first) > int(last):
        raise InvalidArgument(f"invalid containerPort: {ports}: it ends before it begins")
    return [f"{port}/{protocol}" for port in range(int(first), int(last) + 1)]


def is_signal(name: str) -> bool:
    """Whether it is a signal's number, or its name with SIG or without."""
    import signal

    if name.isdecimal() and name.isascii():
        return 0 < int(name) < signal.NSIG
    bare = name.upper().removeprefix("SIG")
    start, sign, offset = bare.partition("+") if "+" in bare else bare.partition("-")
    if start in ("RTMIN", "RTMAX") and (not sign or offset.isdecimal()):
        steps = int(offset or 0) if sign != "-" else -int(offset)
        number = (signal.SIGRTMIN if start == "RTMIN" else signal.SIGRTMAX) + steps
        return signal.SIGRTMIN <= number <= signal.SIGRTMAX
    return any(f"SIG{bare}" == each.name for each in signal.Signals)
