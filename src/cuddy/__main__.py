"""Where every start begins: `python -m cuddy`, bin/cuddy and bin/cuddy-runtime, these two in a bare
interpreter (-I -S).

A bare interpreter knows only the standard library: this file adds the directory it is in, and looks
for other libraries when one is first missed, which only pulling an image does.
"""

from __future__ import annotations

import _signal
import posix
import sys

# Ctrl-C ends the process at once while there is nothing to take back; `main` changes that.
if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)

# bin/cuddy keeps standard error there, away from an interpreter that is interrupted at its start.
if "stderr" in sys._xoptions:
    posix.dup2(int(sys._xoptions["stderr"]), 2)
    posix.close(int(sys._xoptions["stderr"]))

# Importing takes time, in which Ctrl-C may come: hence only now.
import gc
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from typing import Any


class Libraries:
    """The last of the finders: `site` knows directories that a bare interpreter does not."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Called for a module nobody has found: from now on search everywhere."""
        sys.meta_path.remove(Libraries)
        import site

        site.main()
        return sys.meta_path[-1].find_spec(name, path, target)


def furnish() -> None:
    """Make cuddy and what it depends on importable in an interpreter started with -S."""
    for directory in (__file__.rpartition("/cuddy/")[0], str(sys._xoptions.get("packages", ""))):
        # Whole and plain: monitors leave the directory that a relative path starts from.
        if directory and (path := os.path.realpath(directory)) not in sys.path:
            sys.path.append(path)
    sys.meta_path.append(Libraries)
    from cuddy import compiled

    compiled.install()


def start() -> int:
    """Run the command line that this process was started with."""
    if sys.flags.no_site:
        furnish()
    # Looking for cycles costs a tenth of a short command's time, and there are hardly any.
    gc.set_threshold(100_000)
    if sys._xoptions.get("program") == "runtime":
        from cuddy.cli.runtime.main import main as runtime

        code = runtime(sys.argv[1:])
        sys.stdout.flush()
        return code
    if sys._xoptions.get("program") == "library":
        from cuddy.library.warm import main as library

        library(sys.argv[1:])
    from cuddy.cli.main import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    code = start()
    # What was printed is flushed, and nothing else needs the interpreter to be taken down in order.
    os._exit(code)
