"""restore: bring back a container that `checkpoint` has saved, by criu."""

from __future__ import annotations

import os

from cuddy.cli.flags import BOOL, STRING, Flag
from cuddy.cli.runtime import checkpoint as saving
from cuddy.cli.runtime import descriptors
from cuddy.cli.runtime.birth import bus_address, cgroup_maker, write_pid
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.errors import InvalidArgument
from cuddy.kernel import process
from cuddy.runtime import bundle, create, delete
from cuddy.runtime import restore as restoring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.runtime.create import Birth

FLAGS = (
    *saving.SHARED,
    Flag("bundle", "b", STRING, "The bundle's directory", "."),
    Flag("console-socket", "", STRING, "Socket to which the terminal's master is sent"),
    Flag("pid-file", "", STRING, "File to write init's pid to"),
    Flag("detach", "d", BOOL, "Do not wait for it"),
    Flag("no-subreaper", "", BOOL, "Accepted: it is never one"),
    Flag("no-pivot", "", BOOL, "Accepted: criu makes the root"),
    Flag("lsm-profile", "", STRING, "Profile of a security module: TYPE:NAME"),
    Flag("lsm-mount-context", "", STRING, "Label of a security module for mounts"),
    Flag("tcp-close", "", BOOL, "Bring TCP connections back closed"),
)
SWITCHES = (*saving.SWITCHES[:-1], "tcp-close")


def restore(call: Call) -> int:
    birth = bring_back(call)
    if call.args.detach:
        return 0
    _, status = os.waitpid(birth.pid, 0)
    call.log.warn(delete.delete(call.root, birth.id, force=True))
    return process.exit_code(status)


def bring_back(call: Call) -> Birth:
    """The container, running, and those told who wait for it."""
    args = call.args
    own = bundle.load(args.bundle)
    terminal = bool(own.config.get("process", {}).get("terminal"))
    if terminal and not args.console_socket:
        raise InvalidArgument("a restored terminal needs --console-socket")
    console = descriptors.Receiver(args.console_socket, "terminal")
    options = restoring.Options(
        image_path=os.path.abspath(args.image_path or saving.IMAGES),
        work_path=os.path.abspath(args.work_path) if args.work_path else "",
        cgroups_mode=args.manage_cgroups_mode,
        cgroup=create.Options(cgroups=cgroup_maker(call.asked), bus=bus_address()),
        empty_ns=saving.empty_namespaces(args),
        lsm_profile=args.lsm_profile,
        lsm_mount_context=args.lsm_mount_context,
        switches=saving.switches(args, SWITCHES),
        program=call.asked.criu,
        on_terminal=(lambda fd: console.send(fd, "/dev/ptmx")) if console else None,
    )
    birth = restoring.restore(own, call.id, options, state_root=call.root)
    call.log.warn(birth.warnings)
    if args.pid_file:
        write_pid(args.pid_file, birth.pid)
    return birth


VERB = Verb("Bring a saved container back", restore, "<container-id>", FLAGS, 1, 1)
