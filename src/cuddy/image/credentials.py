"""Credentials for registries: the files that hold them, and the programs that keep them.

Docker's config.json and the auth.json of containers-auth.json(5) hold the credentials or name a
program that does (docker-credential-helpers). They go to the host that they are filed under, and to
the token server which that host names.
"""

from __future__ import annotations

import binascii

from cuddy import files
from cuddy.errors import InvalidArgument
from cuddy.image.settings import Settings
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_FILE_BYTES = 1 << 20
PROGRAM_TIMEOUT_S = 30
DOCKER_HUB = ("index.docker.io", "docker.io", "registry-1.docker.io")
DOCKER_HUB_KEY = "https://index.docker.io/v1/"
TOKEN_USER = "<token>"
"""The user name by which a helper says that its secret is an identity token."""


class Credentials(NamedTuple):
    """A name and password, or an identity token that is exchanged for access tokens, or one such.

    `access_token`: for the registry itself, as Docker's API has it (`registrytoken`).
    """

    username: str = ""
    password: str = ""
    identity_token: str = ""
    access_token: str = ""

    def basic(self) -> str:
        """The value of an Authorization header."""
        joined = f"{self.username}:{self.password}".encode()
        return "Basic " + binascii.b2a_base64(joined, newline=False).decode()


def find(settings: Settings, host: str, repository: str) -> Credentials | None:
    """What is known for a registry, from the first file that has it.

    Raises InvalidArgument if a file or helper cannot be read.
    """
    if settings.given is not None:
        return settings.given.get(DOCKER_HUB[0] if host in DOCKER_HUB else host)
    for path in settings.auth_files:
        document = _read_auth_file(path)
        found = _from_document(settings, document, host, repository, path)
        if found:
            return found
    return None


def _read_auth_file(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            document = files.parse_json(file.read(MAX_FILE_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise InvalidArgument(f"cannot read credentials from {path}: {error}") from error
    return document if isinstance(document, dict) else {}


def _from_document(
    settings: Settings, document: dict[str, Any], host: str, repository: str, path: str
) -> Credentials | None:
    hosts = DOCKER_HUB if host in DOCKER_HUB else (host,)
    program = program_for(document, host)
    if program:
        found = _ask_program(settings, program, filed_under(host))
        if found:
            return found
    auths = document.get("auths")
    entries = {_normal_key(key): value for key, value in auths.items()} if auths else {}
    for key in _keys(hosts, repository):
        if isinstance(entries.get(key), dict) and (found := _from_entry(entries[key], path)):
            return found
    return None


def filed_under(host: str) -> str:
    """The key of a registry's credentials: its host, but docker.io has an older one."""
    return DOCKER_HUB_KEY if host in DOCKER_HUB else host


def program_for(document: dict[str, Any], host: str) -> str:
    """The program that keeps a registry's credentials, "" if the file does."""
    programs = document.get("credHelpers") or {}
    hosts = (*DOCKER_HUB, DOCKER_HUB_KEY) if host in DOCKER_HUB else (host,)
    named = next((programs[h] for h in hosts if h in programs), "")
    return str(named or document.get("credsStore") or "")


def _normal_key(key: str) -> str:
    """`https://index.docker.io/v1/` -> `index.docker.io`; paths of repositories stay."""
    key = key.partition("://")[2] or key
    key = key.rstrip("/")
    return key.removesuffix("/v1").removesuffix("/v2")


def _keys(hosts: tuple[str, ...], repository: str) -> list[str]:
    """Where credentials may be filed: the repository first, then what it is part of."""
    keys = []
    for host in hosts:
        path = f"{host}/{repository}"
        while "/" in path:
            keys.append(path)
            path = path.rpartition("/")[0]
    return [*keys, *hosts]


def _from_entry(entry: dict[str, Any], path: str) -> Credentials | None:
    token = entry.get("identitytoken") or ""
    username, password = entry.get("username") or "", entry.get("password") or ""
    if entry.get("auth"):
        try:
            decoded = binascii.a2b_base64(str(entry["auth"]), strict_mode=True).decode()
        except ValueError as error:
            raise InvalidArgument(f"cannot read credentials from {path}: {error}") from error
        username, _, password = decoded.partition(":")
        password = password.strip("\0")
    if not (username or token):
        return None
    return Credentials(str(username), str(password), str(token))


def _ask_program(settings: Settings, name: str, server: str) -> Credentials | None:
    """What docker-credential-NAME has. Raises InvalidArgument when it is missing or fails."""
    output = run_program(settings, name, "get", server)
    if output is None:
        return None
    try:
        answer = files.parse_json(output)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidArgument(f"docker-credential-{name} gave a strange answer") from error
    if username == TOKEN_USER:
        return Credentials(identity_token=secret)
    return Credentials(username, secret)


def run_program(settings: Settings, name: str, verb: str, text: str) -> bytes | None:
    """What docker-credential-NAME answers to get, store or erase; None if it has no such entry.

    Raises InvalidArgument when it is missing or fails.
    """
    import subprocess  # costly, and most people have no such program
    from shutil import which

    program = which(f"docker-credential-{name}", path=settings.environment.get("PATH", ""))
    if "/" in name or program is None:
        raise InvalidArgument(f"there is no credential helper docker-credential-{name} in PATH")
    try:
        done = subprocess.run(
            [program, verb],
            input=text.encode(),
            capture_output=True,
            timeout=PROGRAM_TIMEOUT_S,
            env=settings.environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InvalidArgument(f"docker-credential-{name} gave no answer") from None
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")
        if "not found" in said:
            return None
        raise InvalidArgument(f"docker-credential-{name} failed: {said.strip()[:200]!a}")
    return done.stdout
