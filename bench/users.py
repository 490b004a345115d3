"""What users of its own cost a container: `run --userns=auto` beside a plain `run`.

Of no engine but cuddy, in one interleaved run: the budget is a difference, not a ratio.
"""

from __future__ import annotations

import statistics

from bench import report, timing
from bench.engines import Engine

TITLE = "run --rm --userns=auto"
BUDGET_S = 0.005
PLAIN = ("run", "--rm", "--network", "none")


def measure(engines: list[Engine], image: str, rounds: int) -> None:
    """Print how much longer a container with its own users takes."""
    engine = next(each for each in engines if each.name == "cuddy")
    works = {
        "plain": timing.work(engine.words(*PLAIN, image, "true")),
        "auto": timing.work(engine.words(*PLAIN, "--userns=auto", image, "true")),
    }
    found = timing.interleaved(works, rounds * 4)
    pairs = zip(found["auto"].rounds, found["plain"].rounds, strict=True)
    more = statistics.median(auto - plain for auto, plain in pairs)
    print(
        f"{TITLE:{report.WIDTH}}{report.show(found['auto']):>16}   {more * 1000:.1f} ms over a "
        f"plain run's {found['plain'].median * 1000:.1f}, ≤ {BUDGET_S * 1000:.0f}: "
        f"{report.judge(more, BUDGET_S)}",
        flush=True,
    )
