"""The table that `make bench` prints: medians, minimums, and ratios beside their budgets."""

from __future__ import annotations

from bench.many import Many
from bench.scenarios import Scenario
from bench.timing import Times
from bench.watch import Watch

IMPORT = "import cuddy"
IMPORT_BUDGET_S = 0.015
WIDTH = 30
PEERS = ("docker", "podman", "buildkit", "classic")
NOISE = 0.05  # where the same kernel does the same work for all, equal figures differ by so much


_columns: list[str] = []


def print_header(names: list[str]) -> None:
    _columns[:] = names
    columns = "".join(f"{name:>16}" for name in names)
    print(f"\n{'ms: median (least)':{WIDTH}}{columns}   ratio, budget")


def print_import(times: dict[str, Times]) -> None:
    more = times["cuddy"].median - times["bare"].median
    verdict = judge(more, IMPORT_BUDGET_S)
    print(
        f"{IMPORT:{WIDTH}}{show(times['cuddy']):>16}   "
        f"{more * 1000:.1f} ms over the interpreter's {times['bare'].median * 1000:.1f}, "
        f"≤ {IMPORT_BUDGET_S * 1000:.0f}: {verdict}",
        flush=True,
    )


def print_scenario(scenario: Scenario, times: dict[str, Times], *, digits: int = 0) -> None:
    columns = "".join(f"{show(times.get(name), digits):>16}" for name in _columns)
    peer = choose_peer(scenario, times)
    ratio = times["cuddy"].ratio_to(times[peer]) if peer else 0.0
    verdict = f"{ratio:.2f} × {peer}, ≤ {scenario.budget:.2f}: " if peer else "no peer"
    verdict += judge(ratio, scenario.budget) if peer else ""
    print(f"{scenario.title:{WIDTH}}{columns}   {verdict}", flush=True)


def choose_peer(scenario: Scenario, times: dict[str, Times]) -> str:
    """Whom the budget compares with; '' if it is not here."""
    if scenario.against in PEERS:
        return scenario.against if scenario.against in times else ""
    peers = [name for name in PEERS if name in times]
    return min(peers, key=lambda name: times[name].median, default="")


def print_flow(title: str, times: dict[str, Times], *, more_is_better: bool) -> None:
    """Figures of which ours is to be no worse than the better peer's: medians, and the best.

    The best are compared: whatever else this machine does can only make a figure worse.
    """
    choose = max if more_is_better else min
    best = {name: choose(each.rounds) for name, each in times.items()}
    shown = {name: f"{times[name].median:.4g} ({best[name]:.4g})" for name in times}
    columns = "".join(f"{shown.get(name, '-'):>18}" for name in _columns)
    peer = choose((name for name in PEERS if name in times), key=lambda n: best[n], default="")
    verdict = "no peer"
    if peer:
        ratio = best["cuddy"] / best[peer]
        good = ratio >= 1 - NOISE if more_is_better else ratio <= 1 + NOISE
        sign = "≥" if more_is_better else "≤"
        verdict = f"{ratio:.2f} × {peer}, {sign} 1: {'ok' if good else 'over'}"
    print(f"{title:{WIDTH}}{columns}   {verdict}", flush=True)


def print_watch(watched: Watch, figures: dict[str, float]) -> None:
    columns = "".join(f"{figures[name]:>16.2f}" for name in _columns)
    verdict = judge(figures["cuddy"], watched.budget)
    print(f"{watched.title:{WIDTH}}{columns}   ≤ {watched.budget}: {verdict}", flush=True)


def show(times: Times | None, digits: int = 0) -> str:
    if times is None:
        return "-"
    return f"{times.median * 1000:.{digits}f} ({times.least * 1000:.{digits}f})"


def judge(figure: float, budget: float) -> str:
    return "ok" if figure <= budget else "over"


ROWS = (
    # title, field, factor, budget as a ratio to the better peer, whether more is better
    ("starts per second", "starts_per_s", 1.0, 3.0, True),
    ("starts per second, 4 clients", "starts_per_s_4_clients", 1.0, 3.0, True),
    ("last ten starts to first ten", "last_to_first", 1.0, 0.0, False),
    ("rm -f of all, s", "remove_s", 1.0, 0.5, False),
    ("MiB of engine per container", "engine_bytes_each", 1 / (1 << 20), 0.0, False),
)


def print_many(title: str, results: list[Many]) -> None:
    columns = "".join(f"{each.engine:>16}" for each in results)
    print(f"\n{f'{results[0].count} {title}':{WIDTH}}{columns}")
    ours, *peers = results
    for title, field, factor, budget, more_is_better in ROWS:
        figures = [getattr(each, field) * factor for each in results]
        shown = "".join(f"{figure:>16.2f}" for figure in figures)
        verdict = ""
        if peers and budget:
            better = (max if more_is_better else min)(figures[1:])
            ratio = figures[0] / better
            good = ratio >= budget if more_is_better else ratio <= budget
            sign = "≥" if more_is_better else "≤"
            verdict = f"{ratio:.2f}, {sign} {budget:.2f}: {'ok' if good else 'over'}"
        print(f"{title:{WIDTH}}{shown}   {verdict}")
    print(f"budget of memory: 2.7 MiB, {judge(ours.engine_bytes_each, 2.7 * (1 << 20))}")
