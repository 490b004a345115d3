"""Proving to a registry who asks: challenges and tokens.

A registry answers 401 with a challenge; for Bearer the token comes from the server that it names
(distribution, "Token Authentication Specification").
"""

from __future__ import annotations

from cuddy import files
from cuddy.errors import RegistryError
from cuddy.image.credentials import Credentials
from cuddy.shapes import NamedTuple

MAX_CHALLENGE = 8192
MAX_TOKEN = 1 << 16
CLIENT_ID = "cuddy"


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
    body: bytes = b""


def token_request(
    challenge: Challenge,
    scopes: tuple[str, ...],
    known: Credentials | None,
    *,
    offline: bool = False,
) -> TokenRequest:
    """What to ask the token server of a Bearer challenge for these scopes.

    `offline`: ask for an identity token too, by which to come back. Raises RegistryError.
    """
    from urllib.parse import urlencode, urlsplit

    realm = challenge.parameters.get("realm", "")
    try:
        parts = urlsplit(realm)
        is_server = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_server = False
    if not is_server or parts.username is not None:
        raise RegistryError(f"the registry names a token server {realm[:200]!a} that is not one")
    if known and known.identity_token:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": known.identity_token,
            "service": challenge.parameters.get("service", ""),
            "scope": " ".join(scopes),
            "client_id": CLIENT_ID,
        }
        return TokenRequest(realm, "", urlencode(form).encode())
    query = [
        ("service", challenge.parameters.get("service", "")),
        *(("scope", scope) for scope in scopes),
    ]
    if known and offline:
        query += [("account", known.username), ("client_id", CLIENT_ID), ("offline_token", "true")]
    url = f"{realm}{'&' if parts.query else '?'}{urlencode(query)}"
    return TokenRequest(url, known.basic() if known else "")


def wanted_scopes(challenge: Challenge, ours: tuple[str, ...]) -> tuple[str, ...]:
    """What a token has to be good for: all we are about to do, and what the registry asks for."""
    asked = challenge.parameters.get("scope", "")
    resources = [scope.rpartition(":")[0] for scope in ours]
    return ours if not asked or asked.rpartition(":")[0] in resources else (*ours, asked)


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


def read_identity_token(data: bytes) -> str:
    """The identity token in a token server's answer, "" if there is none."""
    try:
        token = files.parse_json(data).get("refresh_token")
    except (ValueError, AttributeError):
        return ""
    return token if isinstance(token, str) and len(token) <= MAX_TOKEN else ""
