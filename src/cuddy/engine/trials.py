"""Trials: what commands have done to a copy-on-write view of this machine, kept until decided on.

    trials/NAME/trial.json    when it began, of which parts the view is, what was run
    trials/NAME/upper/N/      what was written to part N: see `trial_plan`
    trials/NAME/work/N/       overlayfs's own
    trials/NAME/tree/         directories that no overlay can show
    trials/NAME/root/         where the view is mounted, in a mount namespace of its own
    trials/NAME/lock          held by who runs a command in it, or decides on it

A trial becomes visible by one rename, and goes by one.
"""

from __future__ import annotations

import errno
import os

from cuddy import files
from cuddy.engine import names
from cuddy.errors import Conflict, CorruptContent, NoSuchTrial, SystemFailure
from cuddy.shapes import TypedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cuddy.engine.home import Home

RECORD = "trial.json"
DIRECTORIES = ("upper", "work", "tree", "root")


class Trial(TypedDict, total=False):
    """What trial.json says."""

    Name: str
    Id: str  # a few digits that no file of the host's has in its name by chance
    Created: str
    Since: int  # nanoseconds: what of the host changes from then on, another has changed
    User: int  # uid of the caller
    Commands: list[list[str]]
    Parts: list[list[str]]  # path, kind, number: `trial_plan.Part`
    Mounts: list[list[str]]  # what was mounted then: where, device, directory of that
    Copied: dict[str, dict[str, list[int]]]  # directory -> name -> mode, size, time of its copies
    ExitCode: int  # of the last command; -1 while it has not ended
    Applied: bool  # whether some of it may be the host's already


def where(home: Home, name: str) -> str:
    """The directory of a trial. Raises NoSuchTrial."""
    if "/" in name or name in ("", ".", "..") or "\0" in name:
        raise NoSuchTrial(name)
    return f"{home.trials_dir}/{name}"


def read(home: Home, name: str) -> Trial:
    """A trial. Raises NoSuchTrial, CorruptContent."""
    try:
        trial: Trial = files.read_json(f"{where(home, name)}/{RECORD}")
        if trial["Name"] != name or not isinstance(trial["Parts"], list):
            raise ValueError("not this trial's")
    except (FileNotFoundError, NotADirectoryError):
        raise NoSuchTrial(name) from None
    except (ValueError, KeyError, TypeError) as error:
        hint = f"'cuddy try discard {name}' removes it"
        raise CorruptContent(f"the record of trial {name} cannot be read", hint=hint) from error
    return trial


def write(home: Home, trial: Trial) -> None:
    """Replace the record."""
    files.write_json(f"{where(home, trial['Name'])}/{RECORD}", trial)


def list_all(home: Home) -> list[Trial]:
    """All trials, oldest first."""
    found = []
    for name in files.list_directory(home.trials_dir):
        try:
            found.append(read(home, name))
        except (NoSuchTrial, CorruptContent):
            continue  # it has just gone, or `discard` will tell
    return sorted(found, key=lambda trial: (trial["Created"], trial["Name"]))


def create(home: Home, name: str, user: int) -> Trial:
    """A new trial of nothing yet; a free random name if none is wanted. Raises Conflict."""
    if name:
        names.check(name, "trial")
    files.make_directory(home.trials_dir)
    fresh = f"{home.tmp_dir}/{files.name_temporary()}"
    os.mkdir(fresh, 0o700)
    for directory in DIRECTORIES:
        os.mkdir(f"{fresh}/{directory}", 0o755)
    trial: Trial = {
        "Id": os.urandom(6).hex(),
        "Created": files.now(),
        # By the file system's own clock, which is behind the processor's by moments.
        "Since": os.stat(f"{fresh}/root").st_ctime_ns,
        "User": user,
        "Commands": [],
        "Parts": [],
        "Copied": {},
        "ExitCode": -1,
        "Applied": False,
    }
    for attempt in range(100):
        trial["Name"] = name or names.generate(attempt)
        files.write_json(f"{fresh}/{RECORD}", trial)
        try:
            os.rename(fresh, f"{home.trials_dir}/{trial['Name']}")
            return trial
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise SystemFailure.from_os(f"cannot make trial {trial['Name']}", error) from error
            if name:
                break
    files.remove_tree(fresh)
    raise Conflict(f"there is a trial {name} already", hint="go on in it, or choose another name")


class Turn(files.Lock):
    """The right to run something in a trial, or to decide on it. Raises NoSuchTrial, Conflict."""

    def __init__(self, home: Home, name: str) -> None:
        super().__init__(f"{where(home, name)}/lock")
        self.name = name

    def __enter__(self) -> Turn:
        try:
            if self.attempt():
                return self
        except (FileNotFoundError, NotADirectoryError):
            raise NoSuchTrial(self.name) from None
        hint = "wait until its command has ended"
        raise Conflict(f"trial {self.name} is in use", hint=hint)


def remove(home: Home, name: str) -> None:
    """Take a trial away: out of sight by one rename. The caller has its turn."""
    doomed = f"{home.tmp_dir}/{files.name_temporary()}"
    try:
        os.rename(where(home, name), doomed)
    except FileNotFoundError:
        raise NoSuchTrial(name) from None
    files.remove_tree(doomed)
