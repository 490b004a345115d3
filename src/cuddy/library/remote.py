"""A Python function on its way into a container, and what comes back. Pure.

    program                             container
    header in JSON, pickle of arguments ─▶ the image's python3 runs PROGRAM
                                        ◀─ JSON: {"value"} or {"type", "message", "trace"}

What the function prints goes to standard error: standard output is for the answer.
"""

from __future__ import annotations

import sys

from cuddy import files
from cuddy.errors import CorruptContent, InvalidArgument, TaskFailed
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from cuddy.library.values import Result

PROTOCOL = 4
"""Of pickles: Python 3.4 and later read it."""
MAX_TRACE = 1 << 16
PROGRAM = """
import importlib, json, os, pickle, sys, traceback, types
answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
try:
    task = json.loads(sys.stdin.buffer.readline().decode())
    try:
        if task["module"] == "__main__":
            raise ImportError
        module = importlib.import_module(task["module"])
    except ImportError as error:
        if not task["source"] or getattr(error, "name", None) not in (None, task["module"]):
            raise
        module = types.ModuleType(task["module"])
        module.__name__ = "__mp_main__" if task["module"] == "__main__" else task["module"]
        sys.modules[task["module"]] = module
        exec(compile(task["source"], task["file"], "exec"), module.__dict__)
    function = module
    for name in task["function"].split("."):
        function = getattr(function, name)
    args, kwargs = pickle.loads(sys.stdin.buffer.read())
    text = json.dumps({"value": function(*args, **kwargs)}, allow_nan=False)
except BaseException as error:
    text = json.dumps({"type": type(error).__name__, "message": str(error),
                       "trace": traceback.format_exc()})
answer.write(text)
answer.close()
sys.stdout.flush()
"""


def pack(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """What the program in the container reads. Raises InvalidArgument."""
    import pickle

    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if not module or not name or "<" in name:
        hint = "give it a name in a module; its arguments may differ"
        raise InvalidArgument(f"{function!r} cannot be sent to a container", hint=hint)
    try:
        data = pickle.dumps((args, kwargs), PROTOCOL)
    except Exception as error:
        message = f"the arguments of {name} cannot be sent to a container: {error}"
        raise InvalidArgument(message, hint="pickle has to know them") from error
    path, source = source_of(module, function)
    header = {"module": module, "function": name, "file": path, "source": source}
    return files.format_json(header).encode() + b"\n" + data


def source_of(module: str, function: Callable[..., Any]) -> tuple[str, str]:
    """Where a function is defined, and the text of that module: for an image that does not have it.

    Of a module in a package there is none: it would not do alone. In a notebook it is the function.
    """
    found = sys.modules.get(module)
    path = getattr(found, "__file__", None) or ""
    if "." in module or module.partition(".")[0] in sys.stdlib_module_names - {"__main__"}:
        return path, ""
    if path.endswith(".py") and not hasattr(found, "__path__"):
        with open(path, encoding="utf-8") as file:
            return path, file.read()
    import inspect
    import textwrap

    try:
        return "<program>", textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return path, ""


def unpack(result: Result) -> Any:
    """What the function has returned. Raises TaskFailed, CorruptContent."""
    if result.exit_code != 0 or not result.stdout_bytes:
        memory = " for want of memory" if result.out_of_memory else ""
        message = f"Python ended{memory} with exit code {result.exit_code}"
        raise TaskFailed(message, "", "", result.stderr_bytes)
    try:
        answer = files.parse_json(result.stdout_bytes)
    except ValueError as error:
        raise CorruptContent(f"what a container has answered is not JSON: {error}") from None
    if not isinstance(answer, dict) or answer.keys().isdisjoint(("value", "type")):
        raise CorruptContent("what a container has answered is no answer")
    if "value" in answer:
        return answer["value"]
    kind, said = (printable(str(answer.get(key, "")))[:1000] for key in ("type", "message"))
    trace = printable(str(answer.get("trace", ""))[-MAX_TRACE:], keep="\n")
    raise TaskFailed(f"{kind}: {said}" if said else kind, kind, trace, result.stderr_bytes)
