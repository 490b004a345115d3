"""`make fuzz`: every target for its share of the time, by both engines if both are there."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import subprocess
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]
FINDINGS = ROOT / ".fuzz"
MAX_BYTES = 8192
MAX_SECONDS_EACH = 20
"""One input may not keep a parser busy longer than that; CPU time of a slow machine."""
ENGINES = ("hypothesis", "atheris")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=float, default=280)
    parser.add_argument("--engine", choices=ENGINES)
    parser.add_argument("--here", action="store_true", help="one target, in this process")
    asked = parser.parse_args()
    if asked.here:
        return fuzz_here(asked.targets[0], asked.engine, asked.seconds)
    from fuzz.targets import TARGETS

    names = asked.targets or list(TARGETS)
    engines = (
        [asked.engine] if asked.engine else [e for e in ENGINES if importlib.util.find_spec(e)]
    )
    share = asked.seconds / (len(names) * len(engines))
    failed = [
        f"{name} ({engine})"
        for name in names
        for engine in engines
        if fuzz_apart(name, engine, share)
    ]
    print(
        f"{len(names)} targets, {', '.join(engines)}: "
        + (f"found: {failed}" if failed else "nothing found")
    )
    return bool(failed)


def fuzz_apart(name: str, engine: str, seconds: float) -> int:
    """One target in a process of its own: a crash of it is a finding, too."""
    words = [sys.executable, "-m", "fuzz", "--here", "--engine", engine, "--seconds", str(seconds)]
    done = subprocess.run([*words, name], cwd=ROOT, capture_output=True, text=True)
    report = (done.stdout + done.stderr).splitlines()
    summary = next((line for line in reversed(report) if line.startswith("tried")), "")
    print(f"{name:13} {engine:10} {'FOUND' if done.returncode else 'ok':5} {summary}", flush=True)
    if done.returncode:
        print("\n".join(report[-40:]))
    return done.returncode


def fuzz_here(name: str, engine: str, seconds: float) -> int:
    return (by_atheris if engine == "atheris" else by_hypothesis)(name, seconds)


def inputs(name: str) -> list[bytes]:
    """What failed before, then the good examples."""
    from fuzz.targets import TARGETS

    kept = sorted((FINDINGS / name).glob("*")) if (FINDINGS / name).is_dir() else []
    return [*(path.read_bytes() for path in kept), *TARGETS[name].seeds]


def try_one(name: str, data: bytes) -> None:
    """One input. Raises whatever the target may not raise; the input is kept then."""
    from fuzz.targets import TARGETS

    target = TARGETS[name]
    began = time.process_time()
    try:
        try:
            target.run(data)
        except target.errors:
            pass
        took = time.process_time() - began
        assert took < MAX_SECONDS_EACH, f"{took:.0f} s for one input"
    except BaseException:
        keep(name, data)
        raise


def keep(name: str, data: bytes) -> None:
    directory = FINDINGS / name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def by_hypothesis(name: str, seconds: float) -> int:
    """Examples until the time is over: bytes at random, and the good ones with other bytes in
    them.
    """
    import random

    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    deadline, count, examples = time.monotonic() + seconds, 0, inputs(name)
    splice = st.tuples(st.sampled_from(examples), st.integers(0, 1 << 14), st.integers(0, 64),
                       st.binary(max_size=64)).map(spliced)  # fmt: skip

    @settings(max_examples=500, deadline=None, database=None, suppress_health_check=HealthCheck)
    @given(st.one_of(st.binary(max_size=MAX_BYTES), splice, st.text().map(encode)))
    def body(data: bytes) -> None:
        nonlocal count
        if time.monotonic() < deadline:
            count += 1
            try_one(name, data)

    try:
        for example in examples:
            try_one(name, example)
        while time.monotonic() < deadline:
            random.seed(time.monotonic_ns())
            body()
    except BaseException:
        traceback.print_exc()
        return 1
    print(f"tried {count} inputs")
    return 0


def spliced(parts: tuple[bytes, int, int, bytes]) -> bytes:
    """An example with something else in one place."""
    example, at, length, other = parts
    at %= len(example) + 1
    return example[:at] + other + example[at + length :]


def encode(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def by_atheris(name: str, seconds: float) -> int:
    """libFuzzer by coverage of cuddy's own modules; it ends the process itself."""
    import atheris

    with atheris.instrument_imports(include=["cuddy"]):
        from fuzz import targets
    corpus = FINDINGS / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for example in inputs(name):
        (corpus / hashlib.sha256(example).hexdigest()[:16]).write_bytes(example)
    flags = [f"-max_total_time={max(int(seconds), 1)}", f"-max_len={MAX_BYTES}", "-verbosity=0",
             f"-timeout={MAX_SECONDS_EACH}", "-print_final_stats=1", "-rss_limit_mb=2048",
             f"-artifact_prefix={FINDINGS}/", str(corpus)]  # fmt: skip
    assert name in targets.TARGETS

    def body(data: bytes) -> None:
        try:
            try_one(name, data)
        except BaseException:
            traceback.print_exc()  # libFuzzer would not say
            raise

    atheris.Setup([sys.argv[0], *flags], body)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
