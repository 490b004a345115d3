"""Wait: an answer that comes when the container has."""

from __future__ import annotations

from cuddy import files
from cuddy.engine import wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.api.http import Call


def wait_(call: Call) -> None:
    """The exit code. The head is sent at once: clients start the container when they have it."""
    condition = call.text("condition")
    with wait.Expectation(call.home, call.ref, condition) as expectation, call.stream() as stream:
        with call.until_client_leaves():
            code = expectation.wait()
        stream.write(files.format_json({"StatusCode": code}).encode() + b"\n")
