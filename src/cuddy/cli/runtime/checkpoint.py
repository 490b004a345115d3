"""checkpoint: save a running container's processes to files, by criu."""

from __future__ import annotations

import os

from cuddy.cli.flags import BOOL, INT, LIST, STRING, Flag
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.errors import InvalidArgument
from cuddy.kernel import namespaces
from cuddy.runtime import bundle, state
from cuddy.runtime import checkpoint as saving

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.cli.flags import Args

SHARED = (
    Flag("image-path", "", STRING, "Directory of the saved images"),
    Flag("work-path", "", STRING, "Directory of criu's log and temporary files"),
    Flag("tcp-established", "", BOOL, "Allow open TCP connections"),
    Flag("ext-unix-sk", "", BOOL, "Allow Unix sockets to the outside"),
    Flag("shell-job", "", BOOL, "Allow shell jobs"),
    Flag("file-locks", "", BOOL, "Handle file locks"),
    Flag("manage-cgroups-mode", "", STRING, "soft, full, strict, ignore, none or props", "soft"),
    Flag("empty-ns", "", LIST, "Namespace to make anew and empty: network"),
    Flag("auto-dedup", "", BOOL, "Remove memory from images that later ones have"),
    Flag("lazy-pages", "", BOOL, "Move memory when it is used (userfaultfd)"),
    Flag("link-remap", "", BOOL, "Give unlinked files a name for a while"),
)
FLAGS = (
    *SHARED,
    Flag("parent-path", "", STRING, "Images of an earlier pre-dump, from --image-path"),
    Flag("leave-running", "", BOOL, "Let the container go on"),
    Flag("tcp-skip-in-flight", "", BOOL, "Leave connections out that are being made"),
    Flag("status-fd", "", INT, "Descriptor that hears when lazy pages are ready", -1),
    Flag("page-server", "", STRING, "ADDRESS:PORT to serve memory at"),
    Flag("pre-dump", "", BOOL, "Save the memory alone, and let the container go on"),
)
SWITCHES = (
    "tcp-established", "ext-unix-sk", "shell-job", "file-locks", "auto-dedup", "lazy-pages",
    "link-remap", "tcp-skip-in-flight",
)  # fmt: skip
IMAGES = "checkpoint"


def checkpoint(call: Call) -> int:
    args = call.args
    document = state.read(call.root, call.id)
    own = bundle.check(document["bundle"], state.read_config(call.root, call.id))
    options = saving.Options(
        image_path=os.path.abspath(args.image_path or IMAGES),
        work_path=os.path.abspath(args.work_path) if args.work_path else "",
        parent_path=args.parent_path,
        leave_running=args.leave_running,
        pre_dump=args.pre_dump,
        cgroups_mode=args.manage_cgroups_mode,
        page_server=args.page_server,
        status_fd=args.status_fd,
        empty_ns=empty_namespaces(args),
        switches=switches(args, SWITCHES),
        program=call.asked.criu,
    )
    call.log.warn(saving.checkpoint(call.root, call.id, options, own))
    return 0


def empty_namespaces(args: Args) -> int:
    """The kinds of --empty-ns as criu wants them. Raises InvalidArgument."""
    for kind in args.empty_ns:
        if kind != "network":
            raise InvalidArgument(f"namespace {kind} is not supported by --empty-ns")
    return namespaces.CLONE_NEWNET if args.empty_ns else 0


def switches(args: Args, names: tuple[str, ...]) -> tuple[str, ...]:
    """criu's names of the flags that are set."""
    plain = [name.replace("-", "_") for name in names]
    return tuple(name for name in plain if getattr(args, name))


VERB = Verb("Save a running container to files", checkpoint, "<container-id>", FLAGS, 1, 1)
