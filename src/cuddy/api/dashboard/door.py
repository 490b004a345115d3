"""The door of the dashboard: a port of this machine that browsers can reach, and so can every page
that is open in one of them, and every user of this machine.

Three things are asked of each request. It names us by an address of this machine, or a name that
leads here was made to do so by somebody else (DNS rebinding). It comes from our page, if the
browser says where it comes from; what changes something has to say so. And it has the token, which
only who started the dashboard has seen. The token is no cookie: browsers send those to every port
of a machine, and behind another one may be anybody (decision 0154).
"""

from __future__ import annotations

import hmac

from cuddy.api.dashboard import files
from cuddy.api.errors import Misdirected
from cuddy.errors import CuddyError, NotPermitted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call
    from cuddy.api.routes import Table

NAMES = ("127.0.0.1", "localhost")
SCHEME = "Bearer "
PROTOCOL, WITH_TOKEN = "cuddy", "token."
"""A page cannot give a WebSocket a header: it asks for two protocols, of which one is the token."""
READING = ("GET", "HEAD")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing from anywhere else, no script in the page's text, nobody's frame, and no way from text to
HTML: the browser refuses what would make one of a container's name or output."""
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class NoToken(CuddyError):
    """Whoever asks has not been let in."""

    http_status = 401


class Door:
    """Lets the page in and nobody else. `table`: what the page may ask for."""

    def __init__(self, token: str, port: int, table: Table) -> None:
        self.table = table
        self._token = token.encode()
        self._hosts = {f"{name}:{port}" for name in NAMES}

    def admit(self, call: Call) -> None:
        """Raises Misdirected, NotPermitted, NoToken."""
        host = call.headers.get("host", "").lower()
        call.answer_headers |= HEADERS
        if host not in self._hosts:
            raise Misdirected("this is the dashboard of another address")
        call.answer_headers["Content-Security-Policy"] = POLICY.format(host=host)
        self._check_origin(call, host)
        if call.method in READING and call.path in files.FILES:
            return  # the page itself says nothing about anything here
        if not hmac.compare_digest(said_token(call).encode("utf-8", "replace"), self._token):
            raise NoToken("open the address that 'cuddy dashboard' has printed")

    @staticmethod
    def _check_origin(call: Call, host: str) -> None:
        origin = call.headers.get("origin")
        changes = call.method not in READING or "upgrade" in call.headers
        if origin is None and changes:
            raise NotPermitted("only the dashboard's own page may ask for this")
        if origin is not None and origin != f"http://{host}":
            raise NotPermitted("requests of other pages are not answered")
        site = call.headers.get("sec-fetch-site", "same-origin")
        if site != "same-origin" and call.path not in files.FILES:
            raise NotPermitted("requests of other pages are not answered")


def said_token(call: Call) -> str:
    """The token in a request, "" if there is none; of a WebSocket its protocol is agreed to."""
    for word in call.headers.get("sec-websocket-protocol", "").split(","):
        if word.strip().startswith(WITH_TOKEN):
            call.answer_headers["Sec-WebSocket-Protocol"] = PROTOCOL
            return word.strip().removeprefix(WITH_TOKEN)
    said = call.headers.get("authorization", "")
    return said.removeprefix(SCHEME) if said.startswith(SCHEME) else ""
