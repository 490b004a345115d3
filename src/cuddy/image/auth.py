"""Proving to a registry who asks: challenges and tokens.

A registry answers 401 with a challenge; for Bearer the token comes from the server that it names
(distribution, "Token Authentication Specification").
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from cuddy import files
from cuddy.errors import RegistryError, Unauthorized
from cuddy.image.credentials import Credentials
from cuddy.shapes import NamedTuple

MAX_CHALLENGE = 8192
MAX_TOKEN = 1 << 16


class Challenge(NamedTuple):
    """One scheme of a WWW-Authenticate header."""

    scheme: str
    parameters: dict[str, str]


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
