"""What a build lends its steps, looked at before any of them begins."""

from __future__ import annotations

from cuddy.builder import secrets, ssh
from cuddy.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.builder.options import BuildOptions

ENTITLEMENTS = ("network.host", "security.insecure", "device", "ssh", "fs", "fs.read", "fs.write")
"""What buildx's --allow takes; the last four say what a builder elsewhere may read of this one."""


def check(options: BuildOptions) -> None:
    """See that secrets, agents and entitlements are there and make sense. Raises CuddyError."""
    for text in options.allow:
        for word in text.split(","):
            if word.strip().partition("=")[0] not in ENTITLEMENTS:
                hint = "network.host, security.insecure or device"
                raise InvalidArgument(f"invalid entitlement: {word.strip()}", hint=hint)
    environment = dict(options.environment)
    secrets.Secrets(options.secrets, environment).check()
    ssh.Agents(options.ssh, environment)
