"""`python -m bench.judge`: the judge's bars on simulated rollouts; `--page` writes them, and its rivals, into docs/."""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from bench.figures import Bar, show, tell
from bench.judge_bars import ALL, SEED, Effort
from bench.judge_rivals import Cell, compared
from bench.judge_speed import speed

PAGE = Path(__file__).parent.parent / "docs" / "judge" / "operating-characteristics.md"
_console = Console(width=200, highlight=False)


def measured(effort: Effort) -> list[Bar]:
    """All bars."""
    return [bar for measure in ALL for bar in measure(effort)]


def page(bars: Sequence[Bar], rivals: Mapping[str, Mapping[str, Cell]], effort: Effort) -> str:
    """Both tables as Markdown."""
    met = [f"| {bar.promise} | {bar.measured} | {bar.upper} | {'yes' if bar.met else '**no**'} |" for bar in bars]
    rules = list(next(iter(rivals.values())))
    head = ["| candidate, base rate, traffic, weight | " + " | ".join(rules) + " |", "|---" * (len(rules) + 1) + "|"]
    rows = [
        f"| {name} | " + " | ".join(_told(cell) for cell in cells.values()) + " |" for name, cells in rivals.items()
    ]
    return "\n".join(
        [
            *_INTRODUCTION.format(runs=effort.runs, seed=effort.seed).splitlines(),
            "",
            "| bar | measured | upper 95 % bound | met |",
            "|---|---|---|---|",
            *met,
            "",
            *_RIVALS.splitlines(),
            "",
            *head,
            *rows,
            "",
            *_LIMITS.splitlines(),
            "",
        ]
    )


def _told(cell: Cell) -> str:
    if cell.median is None or cell.p95 is None or cell.bad is None:
        return "never"
    return f"{cell.share:.1%}, {cell.median:.0f} / {cell.p95:.0f} s, {cell.bad:.0f}"


_INTRODUCTION = """# Operating characteristics: what the judge does, measured

<!-- Written by `python -m bench.judge --page --runs {runs} --seed {seed}`; do not edit. -->

How often the judge rolls back a version that is as good as stable, how soon it finds one that is not, and what that
costs, on {runs:,} simulated rollouts a line: Poisson requests, binomial errors, lognormal latencies, 4 stable and 2
candidate pods, 15 s scrapes unless said otherwise. The engine is the operator's own; before each block of 100 rollouts
it is calibrated on three hours of the service alone, as `crossfade plan` does. Times are median and 95 % quantile from
the first stage; a scrape's delay and the gateway's come on top. Try your own service: `crossfade simulate --help`.

## Promises"""
_RIVALS = """## Beside others, on the same counts

Share of the rollouts that are rolled back, median and 95 % quantile of when, and failed requests that the candidate
served until then. For an equal version, whatever is not 0 % is a false alarm. Every stage lasts as long as it lasts
(40 min in all), so all rules see the same numbers. Thresholds are as in the projects' documentation, set by somebody
who knows the base rate (98 % of successes for 1 %, else 99 %). Argo Rollouts: each minute, four failures. Flagger: each
minute, threshold 5. Kayenta: a point a minute, looks each ten minutes (Mann-Whitney at 98 %, tolerance 0.25, critical).
The z-test is at 5 %, each minute or once in the end."""
_LIMITS = """## What this does not show

Arrivals are Poisson within a window and pods are alike but for the noise described; the noise is gamma, redrawn every
60 s on average. What the route needs to change, and a pod's warm-up, are not simulated. Kayenta's interval is computed
by order statistics instead of its root finder, whose absolute tolerance makes verdicts depend on the unit."""


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m bench.judge", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="rollouts a scenario")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--page", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args()
    began, effort = time.monotonic(), Effort(options.runs, options.seed, options.processes)
    bars = measured(effort)
    tell(bars)
    if options.page:
        PAGE.write_text(page(bars, compared(effort), effort))
    show(speed())
    _console.print(f"{options.runs:,} rollouts a scenario, {time.monotonic() - began:.0f} s")
    sys.exit(0 if all(bar.met for bar in bars) else 1)


if __name__ == "__main__":
    main()
