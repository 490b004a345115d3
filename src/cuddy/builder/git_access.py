"""How the user lets git in somewhere: agents and keys of `--ssh`, tokens of `--secret`.

    --ssh default[=SOCKET|KEY]           for git@HOST:REPO and ssh://
    --secret id=GIT_AUTH_TOKEN,...       a token, for the hosts of all repositories
    --secret id=GIT_AUTH_HEADER,...      what is to stand after `Authorization:`

Followed by `.HOST` a secret is for that host alone, and goes before the others; BuildKit's names.
What the user has typed is fetched with the user's own ssh besides, and may be a `file://`.
"""

from __future__ import annotations

from cuddy.builder import secrets, ssh
from cuddy.builder.git_program import Access, Header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.options import BuildOptions

TOKEN, HEADER = "GIT_AUTH_TOKEN", "GIT_AUTH_HEADER"
TOKEN_USER = b"x-access-token:"


def of(options: BuildOptions, *, is_typed: bool = False) -> Access:
    """What a build's options allow. `is_typed`: for what the user has typed, not a Dockerfile.

    Raises InvalidArgument, NotFound, SystemFailure.
    """
    environment = dict(options.environment)
    agent = ssh.Agents(options.ssh, environment).get(ssh.DEFAULT)
    return Access(
        is_local=is_typed,
        has_ssh=is_typed,
        agent=agent.socket if agent else "",
        keys=agent.keys if agent else (),
        headers=headers(secrets.Secrets(options.secrets, environment)),
    )


def headers(found: secrets.Secrets) -> tuple[Header, ...]:
    """The headers that secrets are, those for one host before those for all."""
    made = []
    for name in found.places:
        kind, _, host = name.partition(".")
        if kind not in (TOKEN, HEADER):
            continue
        data = (found.read(name) or b"").strip()
        if not data or b"\n" in data or b"\r" in data:
            continue
        made.append(Header(host, _basic(data) if kind == TOKEN else data.decode("latin-1")))
    return tuple(sorted(made, key=lambda each: not each.host))


def _basic(token: bytes) -> str:
    import binascii

    return f"basic {binascii.b2a_base64(TOKEN_USER + token, newline=False).decode()}"
