"""The process that `exec` runs: of a file, or of the container's own and flags."""

from __future__ import annotations

from cuddy.cli.flags import BOOL, INT, LIST, STRING, Flag, Kind
from cuddy.errors import InvalidArgument
from cuddy.kernel import capabilities
from cuddy.runtime import bundle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.cli.flags import Args
    from cuddy.runtime.spec import Capabilities, Process, User

FLAGS = (
    Flag("process", "p", STRING, "File with the process as JSON"),
    Flag("tty", "t", BOOL, "Give it a terminal"),
    Flag("cwd", "", STRING, "Working directory"),
    Flag("env", "e", LIST, "One more variable of its environment"),
    Flag("user", "u", STRING, "Who it is: uid[:gid]"),
    Flag("additional-gids", "g", Kind("ints", INT.parse, (), many=True), "One more group"),
    Flag("cap", "c", LIST, "One more capability"),
    Flag("no-new-privs", "", BOOL, "It can gain no privileges"),
    Flag("apparmor", "", STRING, "Its AppArmor profile"),
    Flag("process-label", "", STRING, "Its SELinux label"),
)


def choose(args: Args, own: Process) -> Process:
    """The process to run. Raises InvalidArgument."""
    if args.process:
        return bundle.load_process(args.process)
    if len(args.names) < 2:
        raise InvalidArgument("exec args cannot be empty")
    changed: Process = {**own, "args": args.names[1:], "terminal": args.tty}
    if args.env:
        changed["env"] = with_variables(own.get("env", []), list(args.env))
    if args.cwd:
        changed["cwd"] = args.cwd
    if "no_new_privs" in args.given:
        changed["noNewPrivileges"] = args.no_new_privs
    if args.apparmor:
        changed["apparmorProfile"] = args.apparmor
    if args.process_label:
        changed["selinuxLabel"] = args.process_label
    if args.cap:
        changed["capabilities"] = with_capabilities(own.get("capabilities", {}), list(args.cap))
    if args.user or args.additional_gids:
        changed["user"] = with_user(own.get("user", {}), args)
    bundle.check_process({"process": changed})
    return changed


def with_variables(own: list[str], more: list[str]) -> list[str]:
    """An environment with others in the place of those of the same names; the last one counts."""
    merged = {entry.partition("=")[0]: entry for entry in (*own, *more)}
    return list(merged.values())


def with_user(own: User, args: Args) -> User:
    """The container's user with what --user and --additional-gids say of it."""
    changed: User = {**own}
    if args.user:
        uid, colon, gid = args.user.partition(":")
        changed["uid"] = number("uid", uid)
        if colon:
            changed["gid"] = number("gid", gid)
    for group in args.additional_gids:
        if group < 0:
            raise InvalidArgument(f"additional-gids must be a positive number {group}")
    if args.additional_gids:
        changed["additionalGids"] = [*own.get("additionalGids", []), *args.additional_gids]
    return changed


def number(what: str, text: str) -> int:
    """An id. Raises InvalidArgument."""
    if not (text.isascii() and text.isdigit()) or int(text[:12]) >= (1 << 32) - 1:
        raise InvalidArgument(f'bad {what}: strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def with_capabilities(own: Capabilities, more: list[str]) -> Capabilities:
    """More in the sets; ambient ones only where they can be inherited, since they are then.

    Raises InvalidArgument for one that nobody knows: it was typed just now.
    """
    for name in more:
        if name not in capabilities.NUMBERS:
            raise InvalidArgument(f'unknown capability "{name}"')
    changed: Capabilities = {**own}
    changed["bounding"] = [*own.get("bounding", []), *more]
    changed["effective"] = [*own.get("effective", []), *more]
    changed["permitted"] = [*own.get("permitted", []), *more]
    if "inheritable" in own:
        changed["ambient"] = [*own.get("ambient", []), *more]
    return changed
