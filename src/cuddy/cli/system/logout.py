"""`cuddy logout`: log out from a registry."""

from __future__ import annotations

import os

from cuddy.cli.flags import Args, Command
from cuddy.engine import registries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home


def logout_(home: Home, args: Args) -> int:
    from cuddy.image import credentials, keyring, login

    host = login.host_of(args.names[0] if args.names else "")
    print(f"Removing login credentials for {credentials.filed_under(host)}", flush=True)
    keyring.erase(registries.settings(os.environ), host)
    return 0


COMMAND = Command(
    summary="Log out from a registry",
    arguments="[SERVER]",
    most=1,
    action=logout_,
    opens_home=False,
)
