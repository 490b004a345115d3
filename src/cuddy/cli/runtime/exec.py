"""exec: one more process in a running container; its exit code is ours."""

from __future__ import annotations

import os

from cuddy.cli.flags import BOOL, STRING, Flag
from cuddy.cli.runtime import exec_process
from cuddy.cli.runtime.birth import write_pid
from cuddy.cli.runtime.verb import Call, Verb
from cuddy.errors import InvalidArgument
from cuddy.kernel import process
from cuddy.runtime import bundle, state
from cuddy.runtime import exec as entering

ERROR = 255
FLAGS = (
    *exec_process.FLAGS,
    Flag("pid-file", "", STRING, "File to write the pid to"),
    Flag("detach", "d", BOOL, "Do not wait for it"),
)


def execute(call: Call) -> int:
    document = state.read(call.root, call.id)
    if document["status"] == "stopped":
        raise InvalidArgument("cannot exec in a stopped container")
    own = bundle.load(document["bundle"])
    spec = exec_process.choose(call.args, own.config["process"])
    joined = entering.join(own, document, spec, None, state_root=call.root)
    if call.args.pid_file:
        write_pid(call.args.pid_file, joined.pid)
    if call.args.detach:
        return 0
    _, status = os.waitpid(joined.pid, 0)
    return process.exit_code(status)


VERB = Verb(
    "Run one more process in a container", execute, "<container-id> <command> [args...]",
    FLAGS, 1, interspersed=False, error_code=ERROR,
)  # fmt: skip
