"""Proving to a registry who asks: credential files and helpers, challenges, tokens.

Docker's config.json and the auth.json of containers-auth.json(5) hold the credentials or name a
program that does (docker-credential-helpers). A registry answers 401 with a challenge; for Bearer
the token comes from the server that it names (distribution, "Token Authentication Specification").

Credentials go to the host that they are filed under, and to the token server which that host names.
"""

from __future__ import annotations

import base64
import binascii
import subprocess
from shutil import which
from urllib.parse import urlencode, urlsplit

from cuddy import files
from cuddy.errors import InvalidArgument, RegistryError, Unauthorized
from cuddy.image.settings import Settings
from cuddy.shapes import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_FILE_BYTES = 1 << 20
MAX_CHALLENGE = 8192
MAX_TOKEN = 1 << 16
PROGRAM_TIMEOUT_S = 30
DOCKER_HUB = ("index.docker.io", "docker.io", "registry-1.docker.io")
TOKEN_USER = "<token>"
"""The user name by which a helper says that its secret is an identity token."""


class Credentials(NamedTuple):
    """A name and password, or an identity token that is exchanged for access tokens."""

    username: str = ""
    password: str = ""
    identity_token: str = ""

    def basic(self) -> str:
        """The value of an Authorization header."""
        joined = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(joined).decode()


class Challenge(NamedTuple):
    """One scheme of a WWW-Authenticate header."""

    scheme: str
    parameters: dict[str, str]


# -- credentials


def find_credentials(settings: Settings, host: str, repository: str) -> Credentials | None:
    """What is known for a registry, from the first file that has it.

    Raises InvalidArgument if a file or helper cannot be read.
    """
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
    programs = document.get("credHelpers") or {}
    program = next((programs[h] for h in hosts if h in programs), "")
    program = program or document.get("credsStore") or ""
    if program:
        server = "https://index.docker.io/v1/" if host in DOCKER_HUB else host
        found = _ask_program(settings, str(program), server)
        if found:
            return found
    auths = document.get("auths")
    entries = {_normal_key(key): value for key, value in auths.items()} if auths else {}
    for key in _keys(hosts, repository):
        if isinstance(entries.get(key), dict) and (found := _from_entry(entries[key], path)):
            return found
    return None


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
            decoded = base64.b64decode(str(entry["auth"]), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise InvalidArgument(f"cannot read credentials from {path}: {error}") from error
        username, _, password = decoded.partition(":")
        password = password.strip("\0")
    if not (username or token):
        return None
    return Credentials(str(username), str(password), str(token))


def _ask_program(settings: Settings, name: str, server: str) -> Credentials | None:
    """Run docker-credential-NAME. Raises InvalidArgument when it is missing or fails."""
    program = which(f"docker-credential-{name}", path=settings.environment.get("PATH", ""))
    if "/" in name or program is None:
        raise InvalidArgument(f"there is no credential helper docker-credential-{name} in PATH")
    try:
        done = subprocess.run(
            [program, "get"],
            input=server.encode(),
            capture_output=True,
            timeout=PROGRAM_TIMEOUT_S,
            env=settings.environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InvalidArgument(f"docker-credential-{name} gave no answer") from None
    if done.returncode:
        text = (done.stdout + done.stderr).decode(errors="replace")
        if "not found" in text:
            return None
        raise InvalidArgument(f"docker-credential-{name} failed: {text.strip()[:200]!a}")
    try:
        answer = files.parse_json(done.stdout)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidArgument(f"docker-credential-{name} gave a strange answer") from error
    if username == TOKEN_USER:
        return Credentials(identity_token=secret)
    return Credentials(username, secret)


# -- challenges


def parse_challenges(header: str) -> list[Challenge]:
    """The schemes of a WWW-Authenticate header (RFC 9110, 11.6.1), as far as they make sense."""
    found: list[Challenge] = []
    rest = header[:MAX_CHALLENGE].strip()
    while rest:
        word, rest = _take_word(rest)
        if not word:
            break
        if rest.startswith("=") and found:
            value, rest = _take_value(rest[1:].lstrip())
            found[-1].parameters[word.lower()] = value
        else:
            found.append(Challenge(word.lower(), {}))
        rest = rest.lstrip(" ,\t")
    return found


def _take_word(text: str) -> tuple[str, str]:
    end = next((i for i, c in enumerate(text) if c in ' ,=\t"'), len(text))
    return text[:end], text[end:].lstrip()


def _take_value(text: str) -> tuple[str, str]:
    if not text.startswith('"'):
        return _take_word(text)
    value, escaped = "", False
    for position, character in enumerate(text[1:], 1):
        if escaped or character not in '"\\':
            value, escaped = value + character, False
        elif character == "\\":
            escaped = True
        else:
            return value, text[position + 1 :]
    return value, ""


# -- tokens


class TokenRequest(NamedTuple):
    """The request for a token: a GET, or a POST when there is a body."""

    url: str
    authorization: str = ""
    body: str = ""


def token_request(
    challenge: Challenge, repository: str, credentials: Credentials | None, *, secure: bool
) -> TokenRequest:
    """What to ask the token server of a Bearer challenge. Raises Unauthorized, RegistryError."""
    realm = challenge.parameters.get("realm", "")
    parts = urlsplit(realm)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise RegistryError(f"the registry names a token server {realm[:200]!a} that is not one")
    if secure and parts.scheme == "http":
        raise Unauthorized(f"the registry wants credentials sent in the open, to {realm[:200]!a}")
    wanted = {
        "service": challenge.parameters.get("service", ""),
        "scope": challenge.parameters.get("scope") or f"repository:{repository}:pull",
    }
    if credentials and credentials.identity_token:
        form = {"grant_type": "refresh_token", "refresh_token": credentials.identity_token}
        return TokenRequest(realm, "", urlencode({**form, **wanted, "client_id": "cuddy"}))
    url = f"{realm}{'&' if parts.query else '?'}{urlencode(wanted)}"
    return TokenRequest(url, credentials.basic() if credentials else "")


def read_token(data: bytes) -> str:
    """The Authorization header that a token server's answer stands for. Raises RegistryError."""
    try:
        document = files.parse_json(data)
        token = document.get("token") or document.get("access_token")
    except (ValueError, AttributeError):
        token = None
    if not isinstance(token, str) or len(token) > MAX_TOKEN or not token.isascii():
        raise RegistryError("the token server gave an answer without a token")
    if not token.isprintable():
        raise RegistryError("the token server gave a token that is no header's value")
    return f"Bearer {token}"
