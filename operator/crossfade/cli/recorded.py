"""The judge on recorded windows: each run of the stream a rollout, and what becomes of it."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import typer

from crossfade.judging.lines import LineError, Run, read_all
from crossfade.judging.runs import Lines
from crossfade.judging.setup import Setup


@dataclass(slots=True)
class _Replayed:
    """One run: when (s) it began, its last verdict, and when that was first given."""

    lines: Lines
    began: float
    verdict: str = "Continue"
    after: float = 0.0


def replay(setup: Setup, path: Path, *, as_json: bool) -> None:
    """Judge each run to its end, or to its rollback, and print how many came to which verdict."""
    runs: dict[Run, _Replayed] = {}
    refused: list[int] = []

    def refuse(number: int, error: LineError) -> None:
        refused.append(number)
        typer.echo(f"{path}, line {number}: {error}", err=True)

    with path.open("rb") as stream:
        for _, line in read_all(stream, setup.kinds, refuse):
            run = runs.setdefault(line.run, _Replayed(Lines(setup), line.t))
            if run.verdict != "Rollback" and line.t > run.lines.t:
                verdict = run.lines.take(line).overall
                if verdict != run.verdict:
                    run.verdict, run.after = verdict, line.t - run.began
    _print(list(runs.values()), as_json=as_json)
    if refused:
        raise typer.Exit(1)


def _print(runs: list[_Replayed], *, as_json: bool) -> None:
    counts = Counter(run.verdict for run in runs)
    found = [
        {"verdict": verdict, "runs": n, "share": n / len(runs), "median": median(_times(runs, verdict))}
        for verdict, n in counts.most_common()
    ]
    if as_json:
        typer.echo(json.dumps({"runs": len(runs), "ends": found}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("last verdict", "runs", "share", "half of them since")
    for one in found:
        table.add_row(str(one["verdict"]), str(one["runs"]), f"{one['share']:.1%}", f"{one['median']:.0f} s")
    Console(highlight=False).print(table)


def _times(runs: list[_Replayed], verdict: str) -> list[float]:
    return [run.after for run in runs if run.verdict == verdict]
