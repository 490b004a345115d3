"""The program `git` on a stranger's repository: a clean environment, bounded output, no questions.

What a repository brings cannot configure git: configuration is what stands here, and hooks, filters
and credential helpers have to be configured. `GIT_ALLOW_PROTOCOL` binds submodules too.
"""

from __future__ import annotations

import os
import signal

from cuddy.builder import git_source
from cuddy.errors import CorruptContent, CuddyError, NotFound, SystemFailure, Unauthorized
from cuddy.kernel import namespaces, process, program
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import Popen

    from cuddy.builder.git_source import Source
    from cuddy.image.settings import Settings

MAX_OUTPUT = 64 << 20
KEPT_OF_ERRORS = 1 << 14
SHOWN_LINES = 5
LEAST_BYTES_PER_S = "512"
CONFIGURATION = {
    "advice.detachedHead": "false",
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "gc.auto": "0",
    "http.lowSpeedLimit": LEAST_BYTES_PER_S,
    "init.defaultBranch": "master",
    "maintenance.auto": "false",
    "submodule.recurse": "false",
    "transfer.bundleURI": "false",
}
REFUSED = ("Authentication failed", "could not read Username", "Permission denied (", "error: 403")


class Header(NamedTuple):
    """What is to stand after `Authorization:`, for a host, or ("") for any."""

    host: str
    value: str


class Access(NamedTuple):
    """How a repository may be reached, besides https, http and git; see `git_access`.

    `is_local`: file:// too. `has_ssh`: by the user's own ssh; else only with the keys in these
    files, or those behind the socket `agent`.
    """

    is_local: bool = False
    has_ssh: bool = False
    agent: str = ""
    keys: tuple[str, ...] = ()
    headers: tuple[Header, ...] = ()

    def header(self, host: str) -> str:
        """What a host is to be told; "" for nothing."""
        return next((each.value for each in self.headers if each.host in ("", host)), "")


PUBLIC = Access()
TOO_LARGE = (f"signal {int(signal.SIGXFSZ)}", "File too large")


class Git:
    """git for one source, in one directory."""

    def __init__(
        self, directory: str, source: Source, settings: Settings, access: Access, limit: int = 0
    ) -> None:
        self.directory = directory
        self.source = source
        self.limit = limit
        self.path = program.find("git")
        if not self.path:
            raise SystemFailure(
                f"{source.shown} needs the program git", hint="install it: apt install git"
            )
        protocols = ["https", "http", "git"]
        protocols += ["ssh"] if access.has_ssh or access.agent or access.keys else []
        self.protocols = protocols
        self.with_local = [*protocols, git_source.LOCAL] if access.is_local else protocols
        self.environment = environment(source, settings, access)

    def run(self, *words: str, is_own: bool = True) -> str:
        """Run a command to its end; what it said. `is_own`: about the repository itself.

        Raises NotFound, Unauthorized, SystemFailure, CorruptContent.
        """
        said = b"".join(self.stream(*words, is_own=is_own))
        return said.decode(errors="replace")

    def stream(self, *words: str, is_own: bool = True, most: int = MAX_OUTPUT) -> Iterator[bytes]:
        """What a command says, as it comes. Ends the command when its reader has enough."""
        running = self.start(words, self.with_local if is_own else self.protocols)
        errors = b""
        try:
            for data, is_error in _outputs(running):
                if is_error:
                    errors = (errors + data)[-KEPT_OF_ERRORS:]
                    continue
                most -= len(data)
                if most < 0:
                    raise CorruptContent(f"{self.source.shown}: git has too much to say")
                yield data
            code = running.wait()
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()
        if code:
            raise self.failure(words[0], errors)

    def start(self, words: tuple[str, ...], protocols: list[str]) -> Popen[bytes]:
        """Start a command, in a session of its own so that nothing asks the terminal."""
        import subprocess

        def prepare() -> None:
            import resource

            process.prctl(process.PR_SET_PDEATHSIG, signal.SIGKILL)
            os.umask(0o022)
            if self.limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, self.limit))

        with Apart():
            return subprocess.Popen(
                [self.path, *words],
                cwd=self.directory,
                env=self.environment | {"GIT_ALLOW_PROTOCOL": ":".join(protocols)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                preexec_fn=prepare,
            )

    def failure(self, command: str, errors: bytes) -> CuddyError:
        """Why a command failed, in git's words."""
        text = errors.decode(errors="replace").replace(self.source.remote, self.source.shown)
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        said = "; ".join(ascii(line[:300])[1:-1] for line in lines[-SHOWN_LINES:])
        message = f"git {command} of {self.source.shown} failed: {said}"
        if any(sign in text for sign in TOO_LARGE):
            return CorruptContent(f"{self.source.shown} has more than {self.limit} bytes in it")
        if "Host key verification failed" in text:
            return Unauthorized(message, hint="connect to it by ssh once, so that it is known")
        if any(sign in text for sign in REFUSED):
            return Unauthorized(message)
        if "not found" in text or "does not exist" in text:
            return NotFound(message)
        if "not allowed" in text and self.source.scheme == "ssh":
            return SystemFailure(message, hint="--ssh default lets it use the keys of your agent")
        return SystemFailure(message)


class Apart:
    """Inside `with`, a child is the first of a pid namespace: with it all end that it has started.

    git's helpers would else wait for a server long after we were killed. Where there can be no
    namespace, it does without.
    """

    def __init__(self) -> None:
        self._own_fd = -1

    def __enter__(self) -> None:
        self._own_fd = namespaces.open_namespace("self", "pid")
        try:
            namespaces.unshare(namespaces.CLONE_NEWPID)
        except OSError:
            os.close(self._own_fd)
            self._own_fd = -1

    def __exit__(self, *_: object) -> None:
        if self._own_fd >= 0:
            try:
                namespaces.setns(self._own_fd, namespaces.CLONE_NEWPID)
            finally:
                os.close(self._own_fd)


def _outputs(running: Popen[bytes]) -> Iterator[tuple[bytes, bool]]:
    """What a program writes to its two outputs, and whether that was the one for errors."""
    import selectors

    assert running.stdout and running.stderr
    with selectors.DefaultSelector() as waiting, running.stdout, running.stderr:
        waiting.register(running.stdout, selectors.EVENT_READ, False)
        waiting.register(running.stderr, selectors.EVENT_READ, True)
        while waiting.get_map():
            for key, _ in waiting.select():
                data = os.read(key.fd, 1 << 16)
                if data:
                    yield data, key.data
                else:
                    waiting.unregister(key.fd)


def environment(source: Source, settings: Settings, access: Access) -> dict[str, str]:
    """All that git sees of the world."""
    found = program.ENVIRONMENT | {
        "GIT_ASKPASS": "/bin/false",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TEMPLATE_DIR": "",
        "GIT_SSH_COMMAND": ssh_command(settings, access),
        "GIT_TERMINAL_PROMPT": "0",
        "HOME": "/dev/null",
        "SSH_ASKPASS": "/bin/false",
    }
    configuration = list(CONFIGURATION.items())
    configuration.append(("http.lowSpeedTime", str(max(int(settings.timeout_s), 1))))
    if header := access.header(source.host):
        configuration.append((f"http.{scope(source)}.extraHeader", f"Authorization: {header}"))
        # git would tell it to whomever a redirect names, too.
        configuration.append(("http.followRedirects", "false"))
    # By the environment: what is on a command line can be read by everybody.
    found["GIT_CONFIG_COUNT"] = str(len(configuration))
    for i, (name, value) in enumerate(configuration):
        found[f"GIT_CONFIG_KEY_{i}"], found[f"GIT_CONFIG_VALUE_{i}"] = name, value
    for scheme in ("http", "https", "no"):
        if value := settings.proxies.get(scheme, ""):
            found[f"{scheme}_proxy"] = value
    agent = access.agent or (
        settings.environment.get("SSH_AUTH_SOCK", "") if access.has_ssh else ""
    )
    if agent:
        found["SSH_AUTH_SOCK"] = agent
    return found


def scope(source: Source) -> str:
    """Where a header goes: to the repository, but on GitHub to its submodules' as well."""
    whole = f"{source.scheme}://github.com/"
    return whole if source.shown.startswith(whole) else source.remote


def ssh_command(settings: Settings, access: Access) -> str:
    """ssh that asks nothing; the user's configuration is only for what the user has typed."""
    import shlex

    options = ["BatchMode=yes", f"ConnectTimeout={max(int(settings.timeout_s), 1)}"]
    options += [f"IdentityFile={key}" for key in access.keys]
    words = ["ssh"]
    if not access.has_ssh:
        words += ["-F", "/dev/null"]
        options += ["IdentityFile=/dev/null"]
        # Nobody vouches for hosts that a Dockerfile names: BuildKit believes them, too.
        options += ["StrictHostKeyChecking=accept-new", "UserKnownHostsFile=/dev/null"]
    return shlex.join([*words, *(part for option in options for part in ("-o", option))])
