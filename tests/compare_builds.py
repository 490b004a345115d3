"""`make corpus`: cuddy and the builders of this machine's docker and podman, live, as root.

    python tests/compare_builds.py [PROJECT ...]

Each project of tests/corpus is built by all that can; the images come out of cuddy's store by
skopeo, out of the others by `save`. What differs is listed with its reason, or as not explained,
which is a failure. CUDDY_TESTS_DEBIAN: the engines of another Debian, see `record_builds.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS.parent), str(TESTS.parent / "src")]

import builders  # noqa: E402 - found by the line above
import explained_builds  # noqa: E402
import flattened  # noqa: E402
import images  # noqa: E402
import isolation  # noqa: E402
import projects  # noqa: E402
import record_builds  # noqa: E402
import recorded_builds  # noqa: E402
import toolchains  # noqa: E402
from console import PROGRAM  # noqa: E402
from cuddy.image import store  # noqa: E402
from cuddy.image.storage import Storage  # noqa: E402


class Ours(NamedTuple):
    """cuddy, asked like the others."""

    directory: Path

    @property
    def storage(self) -> Storage:
        return Storage(f"{self.directory}/root")

    def build(self, name: str, flags: list[str], work: Path) -> flattened.Flat:
        """What a build makes, by way of skopeo. Raises Refused."""
        home = ["--root", f"{self.directory}/root", "--runroot", f"{self.directory}/run"]
        command = [*PROGRAM, *home, "build", "-q", "-t", f"built/{name}", *flags]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise builders.Refused(done.stderr.strip())
        full = store.resolve(self.storage, f"built/{name}").names[0]
        archive = f"{work}/cuddy.tar"
        copy = ["skopeo", "--insecure-policy", "copy", "-q"]
        source = f"oci:{self.storage.images_dir}:{full}"
        subprocess.run([*copy, source, f"docker-archive:{archive}:x:y"], check=True)
        with tarfile.open(archive) as file:
            file.extractall(work / "cuddy", filter="fully_trusted")
        return flattened.of_archive(work / "cuddy")


def compare(name: str, ours: Ours, others: list[builders.Builder], server: str) -> int:
    """Build a project, print what differs; how many differences nobody explains."""
    with tempfile.TemporaryDirectory(prefix="ours-") as directory:
        root = projects.copy(name, Path(directory, "project"))
        try:
            flat = ours.build(name, projects.flags(name, root, server), Path(directory))
        except builders.Refused as error:
            print(f"{name}\n    cuddy: FAILED: {record_builds.reason(str(error))}", flush=True)
            return 1
    mine = recorded_builds.trimmed(name, flat)
    lines: list[tuple[str, str]] = []
    for other, answer in record_builds.ask(name, others, server).items():
        if isinstance(answer, str):
            lines.append((other, f"refused: {answer}"))
        else:
            found = recorded_builds.trimmed(name, answer)
            lines += [(other, line) for line in recorded_builds.compare(mine, found)]
    reasons = [explained_builds.why(other, name, line) for other, line in lines]
    print(f"{name}: {'differs' if lines else 'equal'}")
    for (other, line), why in zip(lines, reasons):
        print(f"    {other}: {line[:160]}\n        {why or 'NOT EXPLAINED'}", flush=True)
    return reasons.count("")


def main() -> int:
    if not isolation.is_inside():
        chosen = sys.argv[1:] or projects.names()
        toolchains.make(sorted({base for name in chosen for base in projects.bases(name)}))
        return isolation.enter([sys.executable, os.path.abspath(__file__), *sys.argv[1:]])
    ours = Ours(Path(isolation.directory(), "cuddy"))
    names = [
        name
        for name in sys.argv[1:] or projects.names()
        if all(map(projects.is_possible, projects.bases(name)))
    ]
    for base in projects.bases_of(names):
        images.install(ours.storage, projects.base(base), base)
    with record_builds.world(("classic", "podman"), names) as (others, server):
        print("beside " + ", ".join(f"{each.name} ({each.version})" for each in others))
        unexplained = sum(compare(name, ours, others, server) for name in names)
    print(f"{len(names)} projects, {unexplained} differences not explained")
    return int(unexplained > 0)


if __name__ == "__main__":
    sys.exit(main())
