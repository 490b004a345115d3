"""`cuddy login`: log in to a registry."""

from __future__ import annotations

import os
import sys

from cuddy.cli.flags import BOOL, STRING, Args, Command, Flag
from cuddy.engine import registries
from cuddy.errors import InvalidArgument, Unauthorized, WrongArguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home
    from cuddy.image.credentials import Credentials
    from cuddy.image.settings import Settings

MAX_PASSWORD = 1 << 16
UNENCRYPTED = """
WARNING! Your credentials are stored unencrypted in '{path}'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/
"""


def login_(home: Home, args: Args) -> int:
    check(args)
    from cuddy.image import credentials, login
    from cuddy.image.credentials import Credentials

    settings = registries.settings(os.environ)
    host = login.host_of(args.names[0] if args.names else "")
    password = read_password() if args.password_stdin else args.password
    name = args.username
    if not args.username and not password:
        kept = credentials.find(settings, host, "")
        if kept and try_again(settings, host, kept):
            print("Login Succeeded")
            return 0
        name = kept.username if kept else ""
    username = args.username or ask_name(name)
    found = Credentials(username, password or ask_password())
    if login.login(settings, host, found):
        print(UNENCRYPTED.format(path=settings.auth_files[0]), file=sys.stderr, flush=True)
    print("Login Succeeded")
    return 0


def check(args: Args) -> None:
    """Flags that are at odds. Raises WrongArguments."""
    if args.password_stdin and args.password:
        raise WrongArguments(
            "conflicting options: cannot specify both --password and --password-stdin"
        )
    if args.password_stdin and not args.username:
        raise WrongArguments("the --password-stdin option requires --username to be set")
    if args.password:
        warning = "WARNING! Using --password via the CLI is insecure. Use --password-stdin."
        print(warning, file=sys.stderr, flush=True)


def read_password() -> str:
    """What standard input has, without the end of its line. Raises InvalidArgument."""
    data = sys.stdin.buffer.read(MAX_PASSWORD + 1)
    if len(data) > MAX_PASSWORD:
        raise InvalidArgument("what standard input has is too long for a password")
    password = data.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")
    if not password:
        raise InvalidArgument("password required", hint="standard input is empty")
    return password


def try_again(settings: Settings, host: str, kept: Credentials) -> bool:
    """Whether credentials that are kept are still good."""
    from cuddy.image import login

    whose = f" [Username: {kept.username}]" if kept.username else ""
    print(f"Authenticating with existing credentials...{whose}", file=sys.stderr, flush=True)
    try:
        login.login(settings, host, kept)
    except Unauthorized:
        if not sys.stdin.isatty():
            raise
        return False
    hint = "To login with a different account, run 'cuddy logout' followed by 'cuddy login'"
    print(f"\n Info -> {hint}\n\n", file=sys.stderr, flush=True)
    return True


def ask_name(usual: str) -> str:
    """The user name, from a person. Raises InvalidArgument."""
    check_terminal()
    shown = f" ({usual})" if usual else ""
    print(f"Username{shown}: ", end="", flush=True)
    name = sys.stdin.readline().strip() or usual
    if not name:
        raise InvalidArgument("username required")
    return name


def ask_password() -> str:
    """The password, typed without being shown. Raises InvalidArgument."""
    check_terminal()
    import getpass

    try:
        password = getpass.getpass("Password: ")
    except EOFError:
        password = ""
    if not password:
        raise InvalidArgument("password required")
    return password


def check_terminal() -> None:
    """There is somebody to ask. Raises InvalidArgument."""
    if not sys.stdin.isatty():
        raise InvalidArgument(
            "cannot perform an interactive login from a non TTY device",
            hint="--username NAME --password-stdin",
        )


COMMAND = Command(
    summary="Authenticate to a registry",
    arguments="[SERVER]",
    flags=(
        Flag("password", "p", STRING, "Password or Personal Access Token (PAT)"),
        Flag("password-stdin", "", BOOL, "Take the Password or Personal Access Token (PAT) from "
             "stdin"),
        Flag("username", "u", STRING, "Username"),
    ),
    most=1,
    action=login_,
    opens_home=False,
)  # fmt: skip
