"""The process between a step and an ssh agent, while the step runs.

    step ── socket in the step's mounts ── forwarder (pid 1 of a namespace) ── agent
                                             └ one child per connection

It is the first process of a pid namespace of its own: when it ends, or the builder that made it,
the kernel ends all below it, an ssh-agent that holds keys too.
"""

from __future__ import annotations

import _signal
import os
import socket
import time

from cuddy.builder import ssh_messages
from cuddy.engine import background
from cuddy.errors import SystemFailure
from cuddy.kernel import idmap, namespaces, process
from cuddy.undo import Closing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from cuddy.builder.ssh import Agent

MOST_CONNECTIONS = 64
BLOCK_BYTES = 1 << 16
PATIENCE_S = 10
PROGRAM_PATH = "/usr/local/bin:/usr/bin:/bin"


class Forward(Closing):
    """A socket at `directory/name` that leads to an agent. Raises SystemFailure."""

    def __init__(
        self, agent: Agent, directory: str, name: str, *,
        mode: int, uid: int, gid: int,
    ) -> None:  # fmt: skip
        self.path = f"{directory}/{name}"
        listener = listen(directory, name)
        idmap.chown(self.path, uid, gid)
        os.chmod(self.path, mode)
        said, saying = os.pipe2(os.O_CLOEXEC)
        child = process.clone(namespaces.CLONE_NEWPID)
        if child.pid == 0:
            be_forwarder(agent, self.path, listener, saying)
        self.pid, self.pidfd = child.pid, child.pidfd
        listener.close()
        os.close(saying)
        with os.fdopen(said, "rb") as file:
            answer = file.read().decode("utf-8", "replace")
        if answer != "ready":
            self.close()
            raise SystemFailure(answer or "the ssh agent's forwarder died")

    def close(self) -> None:
        """End it and what is below it; more than once is fine."""
        if self.pidfd >= 0:
            process.pidfd_send_signal(self.pidfd, _signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self.pidfd)
            self.pidfd = -1


def listen(directory: str, name: str) -> socket.socket:
    """A listening socket; bound by the directory's descriptor, as its path may be long."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    directory_fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{directory_fd}/{name}")
    finally:
        os.close(directory_fd)
    listener.listen(MOST_CONNECTIONS)
    return listener


def be_forwarder(agent: Agent, own: str, listener: socket.socket, saying: int) -> NoReturn:
    """The forwarder's whole life. `own`: where its socket is."""
    try:
        # Should the builder be gone by now, there is nobody to say "ready" to, and so it ends.
        process.prctl(process.PR_SET_PDEATHSIG, _signal.SIGKILL)
        process.reset_signals()
        background.close_all_but(sorted((listener.fileno(), saying)))
        try:
            if agent.socket:
                path = agent.socket
            else:
                keys = {key: os.open(key, os.O_RDONLY | os.O_CLOEXEC) for key in agent.keys}
                os.chdir(os.path.dirname(own))
                path = begin_agent(f"agent-of-{os.path.basename(own)}", keys)
            dial(path).close()
        except (OSError, ValueError) as error:
            os.write(saying, f"cannot use ssh agent {agent.id!r}: {reason(error)}".encode())
            os._exit(1)
        os.write(saying, b"ready")
        os.close(saying)
        serve(listener, path)
    finally:
        os._exit(1)


def reason(error: OSError | ValueError) -> str:
    """What went wrong, in words."""
    if isinstance(error, OSError) and error.errno:
        about = f"{error.filename}: " if error.filename else ""
        return f"{about}{os.strerror(error.errno).lower()}"
    return str(error)


def begin_agent(name: str, keys: Mapping[str, int]) -> str:
    """An ssh-agent with these keys, its socket in the working directory; returns its path.

    `keys`: open files, by their names. Raises ValueError, OSError.
    """
    pid = spawn(("ssh-agent", "-D", "-a", name), {}, stdin=-1, stderr=-1)
    deadline = time.monotonic() + PATIENCE_S
    while not os.path.exists(name):
        if os.waitpid(pid, os.WNOHANG)[0] or time.monotonic() > deadline:
            raise ValueError("ssh-agent does not start")
        time.sleep(0.002)
    for key, fd in keys.items():
        add_key(key, fd, name)
    return name


def add_key(name: str, fd: int, agent: str) -> None:
    """Put one key into our agent. Raises ValueError."""
    environment = {"SSH_AUTH_SOCK": agent, "SSH_ASKPASS_REQUIRE": "never"}
    reader, writer = os.pipe2(os.O_CLOEXEC)
    pid = spawn(("ssh-add", "-q", "-"), environment, stdin=fd, stderr=writer)
    os.close(fd)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        said = file.read(BLOCK_BYTES).decode("utf-8", "replace").strip()
    if os.waitpid(pid, 0)[1]:
        why = said.rpartition("\n")[2] or "it has a passphrase, or is none"
        raise ValueError(f"failed to parse {name}: {why}")


def spawn(words: Sequence[str], environment: Mapping[str, str], *, stdin: int, stderr: int) -> int:
    """Run a program of the host in a session of its own, so that no terminal asks for a passphrase.

    -1: /dev/null. Raises ValueError if there is none.
    """
    program = find_program(words[0])
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for number, fd in ((0, stdin), (1, -1), (2, stderr)):
            os.dup2(fd if fd >= 0 else null, number)
        os.execve(program, list(words), {"PATH": PROGRAM_PATH, **environment})
    finally:
        os._exit(127)


def find_program(name: str) -> str:
    """The path of one of OpenSSH's programs. Raises ValueError."""
    for directory in PROGRAM_PATH.split(":"):
        path = f"{directory}/{name}"
        if os.access(path, os.X_OK):
            return path
    raise ValueError(f"there is no {name}: OpenSSH's client has it, or name a socket")


def dial(path: str) -> socket.socket:
    """A connection to an agent. Raises OSError."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    directory, name = os.path.split(path)
    directory_fd = os.open(directory or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        client.connect(f"/proc/self/fd/{directory_fd}/{name}")
    except BaseException:
        client.close()
        raise
    finally:
        os.close(directory_fd)
    return client


def serve(listener: socket.socket, path: str) -> NoReturn:
    """Answer for ever: each connection by a child of its own."""
    living = 0
    while True:
        while living and os.waitpid(-1, 0 if living >= MOST_CONNECTIONS else os.WNOHANG)[0]:
            living -= 1
        client = listener.accept()[0]
        if os.fork() == 0:
            try:
                listener.close()
                answer(client, path)
            finally:
                os._exit(0)
        client.close()
        living += 1


def answer(client: socket.socket, path: str) -> None:
    """One question after the other, until the program has no more. Raises OSError, ValueError."""
    agent = dial(path)
    questions, answers = ssh_messages.Reader(), ssh_messages.Reader()
    while data := client.recv(BLOCK_BYTES):
        for message in questions.feed(data):
            if not ssh_messages.is_question(message):
                client.sendall(ssh_messages.FAILURE)
                continue
            agent.sendall(message)
            while not (found := answers.feed(agent.recv(BLOCK_BYTES) or b"\0\0\0\0")):
                pass
            client.sendall(found[0])
