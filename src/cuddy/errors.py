"""The whole error tree. An error knows its exit code and its HTTP status.

    CuddyError
    ├── InvalidArgument           what the user wrote cannot be meant            1  400
    │   ├── UsageError            flags and arguments of a command             125  400
    │   │   └── WrongArguments    no such command, too many or too few, at odds  1  400
    │   ├── InvalidReference      an image name outside the grammar              1  400
    │   └── NoSuchDevice          of this host; so Docker answers              127  500
    ├── NotFound                  the thing named does not exist                 1  404
    │   ├── NoSuchContainer
    │   ├── NoSuchExec
    │   ├── NoSuchImage
    │   ├── NoSuchNetwork
    │   ├── NoSuchPlugin
    │   ├── NoSuchTrial
    │   └── NoSuchVolume
    ├── Conflict                  the thing exists, or is in the wrong state     1  409
    │   ├── NameTaken
    │   ├── NotRunning
    │   ├── InUse
    │   └── PortInUse             of this host; 500 is what Docker answers        1  500
    ├── NotPermitted              this user or this kernel may not               1  403
    ├── CommandNotExecutable      the container's command cannot be executed   126  400
    ├── CommandNotFound           the container's command does not exist       127  400
    ├── RegistryError             a registry refused or misbehaved               1  500
    │   ├── Unauthorized          credentials missing or refused                 1  401
    │   ├── RegistryUnreachable   no answer at all                               1  500
    │   └── RegistryBusy          no good answer now; worth another attempt      1  500
    ├── CorruptContent            digest, size or structure is not as promised   1  500
    ├── StepFailed                a step of a build came to a bad end            1  500
    ├── CommandFailed             a program's command has not exited with 0      1  500
    ├── Timeout                   it was not done in the time that was given     1  500
    ├── TooMuchOutput             more than the caller wanted to hold            1  500
    ├── TaskFailed                a function has raised in its container         1  500
    ├── NotReady                  a container did not become what was awaited    1  500
    └── SystemFailure             the kernel or a host program said no           1  500

The message says what failed, the hint what to do. They are shown in two places only:
`cli/boundary.py` and (later) `api/errors.py`. `run` and `create` answer 125 where the table says 1,
as docker does, except to WrongArguments.
"""

from __future__ import annotations

import os


class CuddyError(Exception):
    """Root of every error a user can see. `hint`: what to do about it, or ''."""

    exit_code = 1
    http_status = 500
    excerpt = ""  # lines of a file that it is about, shown above the message

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InvalidArgument(CuddyError):
    http_status = 400


class UsageError(InvalidArgument):
    exit_code = 125


class WrongArguments(UsageError):
    exit_code = 1


class InvalidReference(InvalidArgument):
    pass


class NoSuchDevice(InvalidArgument):
    exit_code = 127
    http_status = 500


class NotFound(CuddyError):
    http_status = 404


class NoSuchContainer(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"No such container: {name}", hint="'cuddy ps -a' lists them")
        self.name = name


class NoSuchExec(NotFound):
    def __init__(self, exec_id: str) -> None:
        super().__init__(f"No such exec instance: {exec_id}")


class NoSuchImage(NotFound):
    def __init__(self, name: str, *, hint: str = "'cuddy images' lists them") -> None:
        super().__init__(f"No such image: {name}", hint=hint)
        self.name = name


class NoSuchNetwork(NotFound):
    def __init__(self, name: str, *, hint: str = "") -> None:
        super().__init__(f"network {name} not found", hint=hint or "'cuddy network ls' lists them")
        self.name = name


class NoSuchPlugin(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f'plugin "{name}" not found', hint="cuddy has bridge, macvlan and ipvlan")
        self.name = name


class NoSuchTrial(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"no such trial: {name}", hint="'cuddy try ls' lists them")


class NoSuchVolume(NotFound):
    def __init__(self, name: str) -> None:
        super().__init__(f"get {name}: no such volume", hint="'cuddy volume ls' lists them")
        self.name = name


class Conflict(CuddyError):
    http_status = 409


class NameTaken(Conflict):
    def __init__(self, name: str, holder: str) -> None:
        super().__init__(
            f"the container name {name!r} is already in use by container {holder[:12]}",
            hint=f"remove it with 'cuddy rm {name}' or choose another name",
        )
        self.name = name
        self.holder = holder


class NotRunning(Conflict):
    def __init__(self, name: str) -> None:
        super().__init__(f"container {name} is not running", hint=f"'cuddy start {name}' starts it")
        self.name = name


class InUse(Conflict):
    pass


class PortInUse(Conflict):
    http_status = 500


class NotPermitted(CuddyError):
    http_status = 403


class CommandNotExecutable(CuddyError):
    exit_code = 126
    http_status = 400


class CommandNotFound(CuddyError):
    exit_code = 127
    http_status = 400


class RegistryError(CuddyError):
    pass


class Unauthorized(RegistryError):
    http_status = 401


class RegistryUnreachable(RegistryError):
    pass


class RegistryBusy(RegistryError):
    def __init__(self, message: str, *, hint: str = "", retry_after_s: float = 0) -> None:
        super().__init__(message, hint=hint or "try again later")
        self.retry_after_s = retry_after_s


class CorruptContent(CuddyError):
    pass


class StepFailed(CuddyError):
    """`step`: its number. `excerpt`: the Dockerfile around it. `status`: exit code of its RUN,
    which has run `command`.
    """

    step = 0
    status = 0
    command = ""

    def __init__(
        self, message: str, *, hint: str = "", step: int = 0, excerpt: str = "", status: int = 0,
        command: str = "",
    ) -> None:  # fmt: skip
        super().__init__(message, hint=hint)
        self.step = step
        self.excerpt = excerpt
        self.status = status
        self.command = command


class CommandFailed(CuddyError):
    """For `check=True` of the library: how the command ended, and what it wrote."""

    def __init__(
        self, command: str, status: int, stdout: bytes, stderr: bytes, *, hint: str = ""
    ) -> None:
        super().__init__(f"{command} ended with exit code {status}", hint=hint)
        self.command = command
        self.status = status
        self.stdout = stdout
        self.stderr = stderr


class Timeout(CuddyError):
    """`stdout`, `stderr`: what was written until then. What was begun has been taken back."""

    def __init__(self, timeout_s: float, stdout: bytes = b"", stderr: bytes = b"") -> None:
        super().__init__(f"not done within {timeout_s:g} seconds")
        self.timeout_s = timeout_s
        self.stdout = stdout
        self.stderr = stderr


class TooMuchOutput(CuddyError):
    """What wrote it has been ended."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"more than {limit_bytes} bytes of output")


class TaskFailed(CuddyError):
    """For functions in containers. `type`: the name of what was raised, as the container tells it;
    "" if the function came to no end. `trace`: its traceback. `stderr`: what it printed.
    """

    def __init__(self, message: str, type: str, trace: str, stderr: bytes) -> None:
        lines = stderr.decode(errors="replace").strip().splitlines()
        super().__init__(message)
        self.type = type
        self.trace = trace
        self.stderr = stderr
        if trace:
            self.add_note(trace)
        elif lines:
            self.add_note("\n".join(map(repr, lines[-5:])))


class NotReady(CuddyError):
    """`excerpt`: what the container wrote last, line by line. `status`: its exit code if it has
    ended, None if the time was up.
    """

    status: int | None = None

    def __init__(self, message: str, excerpt: str, status: int | None) -> None:
        hint = "" if excerpt else "it has written nothing"
        super().__init__(message, hint=hint)
        self.excerpt = excerpt
        self.status = status

    def __str__(self) -> str:
        lines = [f"    {line}" for line in self.excerpt.splitlines()]
        return "\n".join([super().__str__(), *(["its last words:", *lines] if lines else [])])


class SystemFailure(CuddyError):
    @classmethod
    def from_os(cls, doing: str, error: OSError, *, hint: str = "") -> SystemFailure:
        """A failed system call, told as 'doing: the kernel's words'."""
        reason = os.strerror(error.errno) if error.errno else str(error)
        name = error.filename
        # A descriptor's number tells nobody anything.
        where = f": {os.fsdecode(name)}" if name and not isinstance(name, int) else ""
        return cls(f"{doing}{where}: {reason.lower()}", hint=hint)
