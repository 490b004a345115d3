"""The house rules that a program can check: floors, sizes, names, who may do what.

The picture these rules belong to is docs/architecture.md.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src/cuddy"
FLOORS = {
    "errors": 0, "shapes": 0, "files": 0, "undo": 0, "usage": 0, "checksum": 0,
    "suggest": 0, "sizes": 0, "comma_separated": 0, "whole_file": 0, "compiled": 0,
    "unforeseen": 0, "escape": 0,
    "kernel": 1,
    "image": 2, "network": 2, "runtime": 2,
    "engine": 3,
    "builder": 4,
    "cli": 5, "api": 5, "library": 5, "aio": 5,
    "__init__": 5, "__main__": 5,
}  # fmt: skip

MAX_LINES = 400
LONG_FILES: dict[str, str] = {
    # file: why it is one concept all the same
}
MAX_FUNCTION_LINES = 40
MEDIAN_FUNCTION_LINES = 10
LONG_FUNCTIONS: dict[str, str] = {
    # file: function: what table or list of steps it is
}
BANNED_WORDS = {"util", "helper", "manager", "misc", "base", "common", "service"}
BANNED_MODULES = {
    "asyncio": "no event loop: processes that poll",
    "threading": "clone, setns and unshare need a single-threaded process",
    "concurrent.futures": "the same",
    "multiprocessing": "fork is enough",
    "dataclasses": "three shapes of data: TypedDict, NamedTuple, a class with a lifetime",
    "logging": "errors are raised with facts and shown once",
    "abc": "no abstract class with one implementation; Protocol when there are two",
}
LIBRARIES = {
    # third-party library: the files that may import it
    "backports": {"image/compression.py"},
    "compression": {"image/compression.py"},  # the standard library's from 3.14 on
    "isal": {"image/compression.py"},
    "h11": {"api/connection.py", "api/dialogue.py", "api/http.py", "api/stream.py"},
    "pytest": {"library/pytest_plugin.py"},
    "rich": {
        "cli/build_view.py",
        "cli/explain_view.py",
        "cli/progress.py",
        "cli/live/app.py",
        "cli/live/bars.py",
        "cli/live/dialogs.py",
        "cli/live/pane.py",
        "cli/live/table.py",
    },  # fmt: skip
    "textual": {
        "cli/live/app.py",
        "cli/live/dialogs.py",
        "cli/live/layout.py",
        "cli/live/pane.py",
        "cli/live/table.py",
    },  # fmt: skip
}
ERROR_BOUNDARIES = {
    # file that may catch every CuddyError: what it does with it
    "cli/boundary.py": "shows it",
    "api/errors.py": "answers it",
    "api/fork.py": "tells of what ends a process of the server's",
    "undo.py": "goes on taking back",
    "cli/live/feed.py": "tells the view",
    "cli/live/log_reader.py": "tells the view",
    "image/workers.py": "tells its parent",
    "builder/driver.py": "adds where in the Dockerfile it happened",
    "builder/workshop.py": "tells the driver in which step it happened",
    "kernel/elsewhere.py": "tells its parent, which raises it",
    "library/executor.py": "is told by the future",
    "library/serving.py": "tells the program that called",
    "library/warm.py": "tells whoever calls",
    "library/pytest_plugin.py": "tells it in the report of a test",
    "runtime/launch.py": "init and its kin tell their parent step and error: nobody else can",
    "engine/exec_keeper.py": "tells the command that waits",
    "engine/monitor.py": "writes it into the record and tells the command that waits",
    "engine/watch.py": "writes it into the record: nobody waits for a restart",
    "cli/runtime/main.py": "the boundary of the second program: the runtime's error lines",
}
EVENT_LOOPS = {
    # file: why it waits by an event loop
    "cli/live/app.py": "textual's, in a process that forks nothing but commands",
    "library/aio/talk.py": "that of the program that calls",
    "library/aio/engine.py": "the same",
}
THREADS = {
    # file: why it may wait in threads
    "library/executor.py": "concurrent.futures is what it is for; they are the calling program's",
}
DOORS = {
    # file: the package on its own floor that it may import
    "aio.py": "library",  # another name for a part of it
    "cli/system/serve.py": "api",  # the command that starts it
    "cli/compose.py": "api",  # the same for as long as another program runs
    "cli/system/dashboard.py": "api",  # the same with a door that browsers can come to
}


class Module:
    """One source file, parsed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = str(path.relative_to(SOURCE))
        self.text = path.read_text()
        self.tree = ast.parse(self.text)
        parts = path.relative_to(SOURCE).with_suffix("").parts
        self.package = parts[0]
        self.name = ".".join(["cuddy", *parts]).removesuffix(".__init__")
        self.floor = FLOORS.get(self.package, -1)

    def __repr__(self) -> str:
        return self.file


def parse_sources() -> list[Module]:
    return [Module(path) for path in sorted(SOURCE.rglob("*.py"))]


MODULES = parse_sources()
NAMES = {module.name for module in MODULES}
PACKAGES = [module for module in MODULES if module.path.name == "__init__.py"]


def every_module(rule: Callable[[Module], None]) -> Callable[[], None]:
    """A test of all modules by one rule, which names every one that breaks it.

    A test for each module and rule would be thousands, and take longer to run than to reason.
    """
    return _for_each(MODULES, rule)


def every_package(rule: Callable[[Module], None]) -> Callable[[], None]:
    """The same of all packages."""
    return _for_each(PACKAGES, rule)


def _for_each(modules: list[Module], rule: Callable[[Module], None]) -> Callable[[], None]:
    def test() -> None:
        broken = []
        for module in modules:
            try:
                rule(module)
            except AssertionError as error:
                broken.append(f"{module.file}: {error}")
        assert not broken, "\n".join(broken)

    return test


def imports(module: Module) -> Iterator[tuple[str, int]]:
    """Every module named by an import, with its line; imports for annotations only are left out."""
    for node in walk_run_time(module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.file}:{node.lineno}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full if full in NAMES else str(node.module)), node.lineno


def walk_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Like ast.walk, without the bodies of `if TYPE_CHECKING:`."""
    yield tree
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        children: list[ast.AST] = [*tree.orelse]
    else:
        children = list(ast.iter_child_nodes(tree))
    for child in children:
        yield from walk_run_time(child)


def functions(module: Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef))


@every_module
def test_a_module_imports_only_its_own_package_and_lower_floors(module: Module) -> None:
    assert module.package in FLOORS, f"{module.package} is on no floor"
    for name, line in imports(module):
        if not name.startswith("cuddy.") or module.package in ("__init__", "__main__"):
            continue
        package = name.split(".")[1]
        allowed = package == module.package or FLOORS[package] < module.floor or module.floor == 0
        allowed |= DOORS.get(module.file) == package
        assert allowed, f"{module.file}:{line} imports {name}, upwards or sideways"
        assert FLOORS[package] <= module.floor, f"{module.file}:{line} imports {name}, upwards"


def test_no_imports_in_a_circle() -> None:
    graph = {module.name: {n for n, _ in imports(module) if n in NAMES} for module in MODULES}
    graph["cuddy"] = set()  # whose exports are imported when somebody asks for them
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' -> '.join([*path, name])}"
        if name not in done:
            for child in sorted(graph[name]):
                visit(child, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@every_module
def test_other_peoples_libraries_only_where_the_design_allows(module: Module) -> None:
    for name, line in imports(module):
        top = name.split(".")[0]
        # The standard library's C modules change names between versions: _sha256, _sha2.
        if top == "cuddy" or top in sys.stdlib_module_names or top.startswith("_"):
            continue
        allowed = module.file in LIBRARIES.get(top, set())
        assert allowed, f"{module.file}:{line} imports {name}, see DESIGN.md, Dependencies"


@every_module
def test_no_threads_no_event_loop_and_three_shapes_of_data(module: Module) -> None:
    for name, line in imports(module):
        for banned, reason in BANNED_MODULES.items():
            if banned == "asyncio" and module.file in EVENT_LOOPS:
                continue
            if banned == "concurrent.futures" and module.file in THREADS:
                continue
            is_banned = name == banned or name.startswith(f"{banned}.")
            assert not is_banned, f"{module.file}:{line} imports {name}: {reason}"


@every_module
def test_a_file_is_one_concept_of_at_most_400_lines(module: Module) -> None:
    lines = module.text.count("\n")
    allowed = module.file in LONG_FILES
    assert lines <= MAX_LINES or allowed, f"{module.file} has {lines} lines: split it by concept"
    assert not (allowed and lines <= MAX_LINES), f"{module.file} needs no exception any more"


@every_module
def test_a_function_has_at_most_40_lines(module: Module) -> None:
    for function in functions(module):
        lines = (function.end_lineno or 0) - function.lineno + 1
        allowed = f"{module.file}: {function.name}" in LONG_FUNCTIONS
        where = f"{module.file}:{function.lineno} {function.name}"
        assert lines <= MAX_FUNCTION_LINES or allowed, f"{where} has {lines} lines"


def test_most_functions_are_short() -> None:
    sizes = [(f.end_lineno or 0) - f.lineno + 1 for module in MODULES for f in functions(module)]
    assert statistics.median(sizes) <= MEDIAN_FUNCTION_LINES


@every_module
def test_names_say_what_a_thing_is(module: Module) -> None:
    names = [module.path.stem]
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
    for name in names:
        words = re.findall(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]+", name)
        for word in words:
            is_banned = word.lower().removesuffix("s") in BANNED_WORDS
            assert not is_banned, f"{module.file}: {name} says who calls, not what it is"


@every_module
def test_a_module_says_which_concept_it_is(module: Module) -> None:
    assert ast.get_docstring(module.tree), f"{module.file} has no docstring"
    if module.path.name != "__init__.py":
        assert "from __future__ import annotations" in module.text, module.file


@every_module
def test_a_function_for_others_says_what_it_does(module: Module) -> None:
    if module.file.startswith("cli/") and module.file.count("/") == 2:
        return  # a command: its flags and help are the sentence
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            where = f"{module.file}:{node.lineno} {node.name}"
            assert ast.get_docstring(node), f"{where} has no docstring"


@every_package
def test_a_package_lists_its_modules_in_reading_order(package: Module) -> None:
    folder = package.path.parent
    there = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__"}
    there |= {path.parent.name for path in folder.glob("*/__init__.py")}
    text = ast.get_docstring(package.tree) or ""
    listed = re.findall(r"^(\w+)  +\S", text, re.MULTILINE)
    assert sorted(listed) == sorted(there), f"the list in {package.file} is not what is there"


@every_package
def test_a_package_is_only_its_docstring(package: Module) -> None:
    if package.name != "cuddy":  # which has the version and the lazy exports
        assert len(package.tree.body) == 1


def test_every_folder_of_sources_is_a_package() -> None:
    for folder in {path.parent for path in SOURCE.rglob("*.py")}:
        assert (folder / "__init__.py").exists(), f"{folder} has no __init__.py"


@every_module
def test_errors_are_shown_in_one_place(module: Module) -> None:
    """Whoever can act on an error catches that class; only the boundary catches them all."""
    if module.file in ERROR_BOUNDARIES:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = re.findall(r"\w+", ast.unparse(node.type)) if node.type else []
            where = f"{module.file}:{node.lineno}"
            assert "CuddyError" not in caught, f"{where} catches every error of ours"
            re_raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            catches_all = not node.type or not {"Exception", "BaseException"}.isdisjoint(caught)
            assert re_raises or not catches_all, f"{where} hides bugs"


HIDDEN_INPUTS = {
    "os.environ", "os.environb", "os.getenv", "os.putenv",
    "sys.argv", "sys.exit", "sys.stdin", "sys.stdout", "sys.stderr",
}  # fmt: skip


@every_module
def test_only_the_top_floor_prints_exits_and_reads_the_environment(module: Module) -> None:
    if module.floor == 5:
        return
    for node in ast.walk(module.tree):
        where = f"{module.file}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Attribute):
            assert ast.unparse(node) not in HIDDEN_INPUTS, f"{where} uses {ast.unparse(node)}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"print", "input", "exit", "quit"}, f"{where} talks"
        assert not isinstance(node, ast.Global), f"{where} changes a global"
