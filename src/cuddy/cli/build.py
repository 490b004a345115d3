"""`cuddy build`: an image from a Dockerfile."""

from __future__ import annotations

import os

from cuddy import files
from cuddy.builder import journal, report
from cuddy.cli import boundary, build_options, build_progress
from cuddy.cli.build_flags import FLAGS
from cuddy.cli.build_lines import Tail, write_error
from cuddy.cli.flags import Args, Command
from cuddy.errors import StepFailed, SystemFailure
from cuddy.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from cuddy.builder.built import Built
    from cuddy.builder.options import BuildOptions
    from cuddy.builder.report import Event
    from cuddy.cli.build_progress import Display
    from cuddy.engine.home import Home

TAIL_LINES = 20
HINT = "'cuddy build log' has all of its output, 'cuddy build shell' is a shell where it failed"


def build_(home: Home, args: Args) -> int:
    """What the command line asks for: a build, or only an answer about a Dockerfile."""
    options = build_options.read(args, os.environ)
    if not args.rm:
        boundary.warn(["--rm=false: steps leave no containers; 'cuddy build shell' looks into one"])
    if build_options.method(args) != "build":
        from cuddy.cli import build_check

        return build_check.answer(home, options, args)
    form = build_progress.choose(args.progress, os.environ, quiet=args.quiet)
    _forget(args.iidfile)
    with Hearing(home, options, build_progress.open_display(form, os.environ)) as hearing:
        built = _build(home, options, hearing)
        hearing.image_id = built.image_id
    _write_results(args, options, built)
    if form == "quiet" and built.image_id:
        print(built.image_id)
    return 0


def _build(home: Home, options: BuildOptions, hearing: Hearing) -> Built:
    # Imported here: they were not needed to find out that the command line is wrong.
    from cuddy.builder import build
    from cuddy.engine import registries

    settings = registries.settings(os.environ)
    return build.build(home, options, stdin_fd=0, settings=settings, tell=hearing)


class Hearing:
    """Hears what a build tells: shows it, keeps it, and remembers the last of each step's output.

    Leaving the block says how the build ended, to the journal and to who looks on.
    """

    def __init__(self, home: Home, options: BuildOptions, display: Display) -> None:
        self.image_id = ""
        self._display = display
        self._journal = journal.Journal(home, options)
        self._names: dict[int, str] = {}
        self._began: dict[int, float] = {}
        self._tails: dict[int, Tail] = {}

    def __call__(self, event: Event) -> None:
        self._journal(event)
        self._display(event)
        if isinstance(event, report.Began):
            self._names[event.step], self._began[event.step] = event.name, event.at
        elif isinstance(event, report.Output):
            seconds = max(0.0, event.at - self._began.get(event.step, event.at))
            self._tails.setdefault(event.step, Tail()).add(seconds, event.data)
        elif isinstance(event, report.Ended) and not event.error:
            self._tails.pop(event.step, None)

    def __enter__(self) -> Hearing:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._journal.image_id = self.image_id
        try:
            self._display.close()
        finally:
            self._journal.__exit__(kind, error, trace)
        if self._journal.is_broken:
            boundary.warn(["the log of this build could not be kept"])
        if isinstance(error, StepFailed):
            error.hint = error.hint or (HINT if error.status else "")
            write_error(self._last_words(error.step))

    def _last_words(self, step: int) -> str:
        """The failed step and the end of its output, as BuildKit shows them."""
        if step not in self._names:
            return ""
        lines = self._tails[step].lines(TAIL_LINES) if step in self._tails else []
        name = printable(self._names[step])
        return "\n".join(["------", f" > {name}:", *lines, "------", ""])


def _forget(path: str) -> None:
    """Whoever reads the file must not take an earlier build's id for this one's."""
    if path:
        try:
            os.stat(os.path.dirname(path) or ".")  # better now than when all is built
            if _is_plain(path):
                os.unlink(path)
        except OSError as error:
            raise SystemFailure.from_os("cannot write the image ID file", error) from error


def _write_results(args: Args, options: BuildOptions, built: Built) -> None:
    """--iidfile and --metadata-file. Raises SystemFailure."""
    try:
        if args.iidfile and built.image_id:
            _write(args.iidfile, built.image_id.encode())
        if args.metadata_file:
            from cuddy.cli import document

            text = document.indented(metadata(options, built), by="  ")
            _write(args.metadata_file, f"{text}\n".encode())
    except OSError as error:
        raise SystemFailure.from_os("cannot write what was built", error) from error


def _is_plain(path: str) -> bool:
    return os.path.isfile(path) and not os.path.islink(path)


def _write(path: str, data: bytes) -> None:
    """Replace a file; what a link leads to (/dev/stdout is one), a pipe, a device is written to."""
    if os.path.lexists(path) and not _is_plain(path):
        with open(path, "wb") as file:
            file.write(data)
    else:
        files.write(os.path.abspath(path), data, mode=0o644, durable=False)


def metadata(options: BuildOptions, built: Built) -> dict[str, Any]:
    """What --metadata-file says, in BuildKit's words."""
    found: dict[str, Any] = {"buildx.build.ref": f"default/default/{options.build_id}"}
    if built.image_id:
        found["containerimage.config.digest"] = built.image_id
    if built.manifest:
        told = ("mediaType", "digest", "size", "platform")
        found["containerimage.descriptor"] = {k: v for k, v in built.manifest.items() if k in told}
        found["containerimage.digest"] = built.manifest["digest"]
    if built.names:
        found["image.name"] = ",".join(built.names)
    return found


COMMAND = Command(
    summary="Build an image from a Dockerfile",
    arguments="PATH | URL | -",
    flags=FLAGS,
    least=1,
    most=1,
    action=build_,
)
