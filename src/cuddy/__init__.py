"""cuddy: a container engine without a daemon.

compiled  its own modules are found where they must be
errors    the error tree; exit codes and HTTP statuses
escape    what may reach a terminal
shapes    NamedTuple, TypedDict and NewType without the import cost of typing
checksum  ids that follow from names
files     JSON, atomic writes, locks, temporary names, removal of trees
whole_file  a file that appears when it is whole
undo      what was done is taken back when a block fails
usage     what trees take on disk
unforeseen  exceptions that nobody foresaw, in one line
suggest   what a mistyped word was meant to be
sizes     bytes as people read them
comma_separated  a line of fields with commas between them
kernel    floor 1: what Linux offers, one concept a file
image     floor 2: images, layers, registries
network   floor 2: bridges, addresses, name resolution files
runtime   floor 2: the OCI runtime: a bundle becomes a process
engine    floor 3: containers as the user knows them
builder   floor 4: a Dockerfile becomes an image
cli       floor 5: the Docker-compatible command line
api       floor 5: the Docker Engine API, served to other tools
aio       floor 5: the same for programs with an event loop
library   floor 5: what Python programs use: `cuddy.run` and all else
"""

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy import aio as aio
    from cuddy import errors as errors
    from cuddy.errors import CommandFailed as CommandFailed
    from cuddy.errors import CuddyError as CuddyError
    from cuddy.errors import Timeout as Timeout
    from cuddy.library.build import build as build
    from cuddy.library.engine import Engine as Engine
    from cuddy.library.engine import Scope as Scope
    from cuddy.library.engine import run as run
    from cuddy.library.executor import Executor as Executor
    from cuddy.library.listing import Listing as Listing
    from cuddy.library.sandbox import Sandbox as Sandbox
    from cuddy.library.values import Result as Result

PUBLIC = {
    "CommandFailed": "errors", "CuddyError": "errors", "Timeout": "errors",
    "Engine": "library.engine", "Result": "library.values", "Sandbox": "library.sandbox",
    "Listing": "library.listing",
    "Scope": "library.engine", "Executor": "library.executor", "build": "library.build",
    "run": "library.engine",
}  # fmt: skip
"""Name: the module that has it. The rest of the errors are in `cuddy.errors`."""
MODULES = ("aio", "errors")


def _find(name: str) -> object:
    """What is public is imported when it is first used."""
    if name not in PUBLIC and name not in MODULES:
        raise AttributeError(f"module 'cuddy' has no attribute {name!r}")
    # Imported here, and only now: `from cuddy import ...` of a module asks for its name first.
    from importlib import import_module

    if name in MODULES:
        return import_module(f"cuddy.{name}")
    value: object = getattr(import_module(f"cuddy.{PUBLIC[name]}"), name)
    return value


if not TYPE_CHECKING:  # checkers that knew of it would take every misspelled name for an object
    __getattr__ = _find
