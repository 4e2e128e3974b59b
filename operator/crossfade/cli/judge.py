"""`crossfade judge`: anyone's windows in, one verdict a line out. docs/judge/format.md is the promise it keeps."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

if TYPE_CHECKING:
    from crossfade.judging.runs import Verdict
    from crossfade.judging.setup import Setup


def judge(
    analysis: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="A Rollout's spec.analysis, and its `stages`, as YAML.")
    ],
) -> None:
    """Judge windows from standard input, one JSON object a line; one verdict a line on standard output.

    Exit status: 0 when every line could be read, 1 when some could not, 2 when the analysis is wrong.
    """
    from crossfade.judging.setup import SetupError, parse

    try:
        setup = parse(analysis.read_text(encoding="utf-8"))
    except (SetupError, UnicodeDecodeError) as error:
        for sentence in str(error).splitlines():
            typer.echo(f"{analysis}: {sentence}", err=True)
        raise typer.Exit(2) from None
    if not _judge(setup, sys.stdin.buffer):
        raise typer.Exit(1)


def _judge(setup: "Setup", stream: BinaryIO) -> bool:
    """Whether every line could be read."""
    from crossfade.judging.lines import LineError, Run, read_all
    from crossfade.judging.runs import Lines

    runs: dict[Run, Lines] = {}
    told: set[str] = set()
    refused: list[int] = []

    def refuse(number: int, error: LineError) -> None:
        refused.append(number)
        typer.echo(f"line {number}: {error}", err=True)

    for number, line in read_all(stream, setup.kinds, refuse):
        for name in sorted(line.unknown - told):
            told.add(name)
            typer.echo(f"line {number}: the analysis has no metric {name!r}; its samples are left out", err=True)
        run = runs.get(line.run) or runs.setdefault(line.run, Lines(setup))
        if line.t <= run.t:
            typer.echo(f"line {number}: its time {line.t:.15g} is not after {run.t:.15g}; it is left out", err=True)
            continue
        _write(line.run, line.t, run.take(line))
    return not refused


def _write(run: object, t: float, verdict: "Verdict") -> None:
    """At once, so that whoever feeds us line by line may wait for the answer."""
    metrics = [
        {
            "name": one.name,
            "state": one.state,
            "ratio": _finite(one.ratio),
            "low": _finite(one.low),
            "high": _finite(one.high),
            "evidence": _finite(one.evidence),
            "threshold": _finite(one.threshold),
            "sentence": one.sentence,
        }
        for one in verdict.metrics
    ]
    answer: dict[str, Any] = {"run": run, "t": t, "overall": verdict.overall, "metrics": metrics}
    sys.stdout.write(f"{json.dumps(answer, ensure_ascii=False, allow_nan=False)}\n")
    sys.stdout.flush()


def _finite(value: float | None) -> float | None:
    """JSON knows no infinity."""
    return None if value is None or abs(value) == float("inf") else value
