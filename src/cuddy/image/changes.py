"""Instructions that change an image's config: those of a Dockerfile that `--change` may use.

Text in, a changed copy of the config out; nothing else happens. What Docker makes of quotes, blanks
and JSON is kept, also where it surprises: `tests/unit/image/test_changes.py` has its answers.
"""

from __future__ import annotations

from cuddy.errors import InvalidArgument
from cuddy.image import durations, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from cuddy.image.spec import Healthcheck, RunConfig

DEFAULT_SHELL = ["/bin/sh", "-c"]
PROTOCOLS = ("tcp", "udp", "sctp")
MAX_PORT = 65535
LEAST_INTERVAL_NS = 1_000_000
TRIGGERS_REFUSED = ("FROM", "MAINTAINER")


class Instruction:
    """One line of a Dockerfile: its name in capitals, its flags, and all that follows."""

    def __init__(self, line: str) -> None:
        name, _, rest = line.strip().partition(" ")
        head = line.split(None, 1)
        self.name = head[0].upper() if head else name
        self.rest = head[1].strip() if len(head) > 1 else ""
        self.flags: dict[str, str] = {}
        if self.name != "ONBUILD":
            self._take_flags()

    def _take_flags(self) -> None:
        while self.rest.startswith("--"):
            word, _, rest = self.rest.partition(" ")
            self.rest = rest.lstrip()
            if word == "--":
                return
            name, _, value = word[2:].partition("=")
            if name in self.flags:
                raise InvalidArgument(f"{self.name}: the flag --{name} is there twice")
            self.flags[name] = value

    def json(self) -> list[str] | None:
        """The exec form, a JSON array of strings; None if it is none. Raises InvalidArgument."""
        if not self.rest.startswith("["):
            return None
        import json

        try:
            found, _ = json.JSONDecoder().raw_decode(self.rest)
        except (ValueError, RecursionError):
            return None  # what only looks like it is for the shell
        if not all(isinstance(word, str) for word in found):
            raise InvalidArgument(f"{self.name}: a JSON array may have strings only")
        return list(found)

    def need(self, condition: object, what: str = "at least one argument") -> None:
        """Raise InvalidArgument unless the condition holds."""
        if not condition:
            raise InvalidArgument(f"{self.name} requires {what}")


def apply(config: RunConfig, texts: Iterable[str]) -> RunConfig:
    """The config changed by instructions, in their order. Raises InvalidArgument, naming them."""
    changing = _Changing(config)
    found = False
    for line in lines("\n".join(texts)):
        instruction = Instruction(line)
        carry_out = INSTRUCTIONS.get(instruction.name)
        if carry_out is None:
            raise InvalidArgument(
                f"{instruction.name} is not an instruction that can change an image's config",
                hint=f"one of {', '.join(INSTRUCTIONS)}",
            )
        if instruction.flags and instruction.name != "HEALTHCHECK":
            raise InvalidArgument(f"{instruction.name}: unknown flag --{[*instruction.flags][0]}")
        try:
            carry_out(changing, instruction)
        except InvalidArgument as error:
            if error.message.startswith(instruction.name):
                raise
            raise InvalidArgument(f"{instruction.name}: {error.message}") from None
        found = True
    if not found and list(texts):
        raise InvalidArgument("a change has no instruction", hint='such as "ENV NAME=VALUE"')
    return changing.config


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


class _Changing:
    """A config under change."""

    def __init__(self, config: RunConfig) -> None:
        self.config: RunConfig = dict(config)  # type: ignore[assignment]
        self.has_command = False

    def expand(self, text: str) -> str:
        return words.expand(text, self.variables())

    def variables(self) -> dict[str, str]:
        return words.variables(self.config.get("Env") or ())

    def command_line(self, instruction: Instruction) -> list[str]:
        """The exec form, or the shell that is to run the words as they are."""
        found = instruction.json()
        if found is not None:
            return found
        shell = self.config.get("Shell") or DEFAULT_SHELL
        return [*shell, instruction.rest] if instruction.rest else list(shell)

    def cmd(self, instruction: Instruction) -> None:
        self.config["Cmd"] = self.command_line(instruction)
        self.has_command = bool(self.config["Cmd"])

    def entrypoint(self, instruction: Instruction) -> None:
        """Another entrypoint makes the old command meaningless."""
        found = self.command_line(instruction) if instruction.rest else []
        self.config["Entrypoint"] = found or None
        if not self.has_command:
            self.config["Cmd"] = None

    def env(self, instruction: Instruction) -> None:
        entries = list(self.config.get("Env") or ())
        for name, value in self.pairs(instruction):
            entry = f"{name}={value}"
            at = next((i for i, old in enumerate(entries) if old.partition("=")[0] == name), None)
            if at is None:
                entries.append(entry)
            else:
                entries[at] = entry
        self.config["Env"] = entries

    def label(self, instruction: Instruction) -> None:
        labels = dict(self.config.get("Labels") or {})
        self.config["Labels"] = labels | dict(self.pairs(instruction))

    def pairs(self, instruction: Instruction) -> list[tuple[str, str]]:
        """`NAME=VALUE ...`, or `NAME VALUE` with blanks in the value as they are."""
        instruction.need(instruction.rest)
        found = words.split(instruction.rest)
        if "=" not in found[0]:
            parts = instruction.rest.split(None, 1)
            instruction.need(len(parts) == 2, "two arguments: NAME VALUE, or NAME=VALUE")
            pairs = [(parts[0], parts[1])]
        else:
            for word in found:
                if "=" not in word:
                    raise InvalidArgument(f"no = in {word!r}: it must be NAME=VALUE")
            pairs = [(word.partition("=")[0], word.partition("=")[2]) for word in found]
        expanded = [(self.expand(name), self.expand(value)) for name, value in pairs]
        instruction.need(all(name for name, _ in expanded), "names that are not blank")
        return expanded

    def expose(self, instruction: Instruction) -> None:
        instruction.need(instruction.rest)
        ports = dict(self.config.get("ExposedPorts") or {})
        values = self.variables()
        for word in instruction.rest.split():
            for port in words.expand_all(word, values):
                ports |= {each: {} for each in exposed(port)}
        self.config["ExposedPorts"] = ports

    def user(self, instruction: Instruction) -> None:
        instruction.need(instruction.rest, "exactly one argument")
        self.config["User"] = self.expand(instruction.rest)

    def volume(self, instruction: Instruction) -> None:
        found = instruction.json()
        found = instruction.rest.split() if found is None else found
        instruction.need(found)
        volumes = dict(self.config.get("Volumes") or {})
        for text in found:
            path = self.expand(text)
            instruction.need(path.strip(), "paths that are not empty")
            volumes[path] = {}
        self.config["Volumes"] = volumes

    def workdir(self, instruction: Instruction) -> None:
        import posixpath

        instruction.need(instruction.rest, "exactly one argument")
        path = self.expand(instruction.rest)
        instruction.need(path, "a path that is not empty")
        current = self.config.get("WorkingDir") or "/"
        self.config["WorkingDir"] = "/" + posixpath.normpath(
            posixpath.join("/", current, path)
        ).lstrip("/")

    def stopsignal(self, instruction: Instruction) -> None:
        instruction.need(instruction.rest, "exactly one argument")
        name = self.expand(instruction.rest)
        if not is_signal(name):
            raise InvalidArgument(f"invalid signal: {name}")
        self.config["StopSignal"] = name

    def onbuild(self, instruction: Instruction) -> None:
        instruction.need(instruction.rest)
        trigger = instruction.rest.split()[0].upper()
        if trigger == "ONBUILD":
            raise InvalidArgument("chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
        if trigger in TRIGGERS_REFUSED:
            raise InvalidArgument(f"{trigger} isn't allowed as an ONBUILD trigger")
        self.config["OnBuild"] = [*(self.config.get("OnBuild") or ()), instruction.rest]

    def healthcheck(self, instruction: Instruction) -> None:
        instruction.need(instruction.rest)
        kind, *rest = instruction.rest.split(None, 1)
        if kind.upper() == "NONE":
            if rest:
                raise InvalidArgument("NONE takes no arguments")
            self.config["Healthcheck"] = {"Test": ["NONE"]}
            return
        if kind.upper() != "CMD":
            raise InvalidArgument(f"unknown type {kind!r}, try CMD")
        test = Instruction(f"CMD {rest[0]}" if rest else "CMD")
        found = test.json()
        if not (test.rest if found is None else found):
            raise InvalidArgument("missing command after CMD")
        check: Healthcheck = {
            "Test": ["CMD-SHELL", test.rest] if found is None else ["CMD", *found]
        }
        for name, value in instruction.flags.items():
            read_health_flag(check, name, value)
        self.config["Healthcheck"] = check


INSTRUCTIONS: dict[str, Callable[[_Changing, Instruction], None]] = {
    "CMD": _Changing.cmd,
    "ENTRYPOINT": _Changing.entrypoint,
    "ENV": _Changing.env,
    "EXPOSE": _Changing.expose,
    "HEALTHCHECK": _Changing.healthcheck,
    "LABEL": _Changing.label,
    "ONBUILD": _Changing.onbuild,
    "STOPSIGNAL": _Changing.stopsignal,
    "USER": _Changing.user,
    "VOLUME": _Changing.volume,
    "WORKDIR": _Changing.workdir,
}
HEALTH_TIMES = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}


def read_health_flag(check: Healthcheck, name: str, value: str) -> None:
    """Take in a flag of HEALTHCHECK; without a value it stays at its default."""
    times: dict[str, Any] = check  # type: ignore[assignment]
    if name in HEALTH_TIMES:
        if not value:
            return
        times[HEALTH_TIMES[name]] = durations.parse(value)
        if times[HEALTH_TIMES[name]] < LEAST_INTERVAL_NS:
            raise InvalidArgument(f"--{name} cannot be less than 1ms")
    elif name == "retries":
        if not value:
            return
        if not value.isdecimal() or not value.isascii() or not 1 <= int(value) < 1 << 31:
            raise InvalidArgument(f"--retries must be at least 1, not {value}")
        check["Retries"] = int(value)
    else:
        raise InvalidArgument(f"unknown flag --{name}")


def exposed(text: str) -> list[str]:
    """`[[ADDRESS:]PORTS:]PORT[-PORT][/PROTOCOL]` as keys of ExposedPorts. Raises InvalidArgument.

    What stands before the container's ports has no meaning for an image.
    """
    ports, slash, protocol = text.partition("/")
    protocol = protocol.lower() if slash and protocol else "tcp"
    if protocol not in PROTOCOLS:
        raise InvalidArgument(f"invalid protocol {protocol!r}", hint=", ".join(PROTOCOLS))
    span = ports.rpartition(":")[2]
    first, _, last = span.partition("-")
    last = last or first
    for port in (first, last):
        if not (port.isdecimal() and port.isascii() and int(port) <= MAX_PORT):
            raise InvalidArgument(f"invalid container port {span!r}")
    if int(first) > int(last):
        raise InvalidArgument(f"invalid container port {span!r}")
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
