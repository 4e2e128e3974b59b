"""What a simulation found, for people and for programs."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from crossfade.judging.setup import Setup
    from crossfade.simulate.curve import Point
    from crossfade.simulate.service import Service


def show(setup: "Setup", service: "Service", points: "list[Point]", runs: int, seed: int, *, as_json: bool) -> None:
    """Print it as JSON, or as a table, a picture and what neither says."""
    if as_json:
        content = {
            "runs": runs,
            "seed": seed,
            "service": asdict(service),
            "candidates": [asdict(one) for one in points],
        }
        typer.echo(json.dumps(content, indent=2))
        return
    from rich.console import Console

    from crossfade.simulate.picture import picture

    console = Console(highlight=False)
    console.print(_table(points))
    console.print(picture([(one.label, one.rolled_back, one.promoted) for one in points]), soft_wrap=True)
    for sentence in _remarks(setup, points, runs):
        console.print(sentence, markup=False, soft_wrap=True)


def _table(points: "list[Point]") -> "Table":
    from rich.table import Table

    from crossfade.simulate.picture import duration

    table = Table("candidate", "rolled back", "half / 95 % within", "failures", "promoted", "half / 95 % within")
    for one in points:
        times = [
            f"{duration(end.median)} / {duration(end.p95)}" if end.median is not None and end.p95 is not None else ""
            for end in (one.rolled_back, one.promoted)
        ]
        bad = "" if one.rolled_back.bad is None else f"{one.rolled_back.bad:.0f}"
        table.add_row(one.label, f"{one.rolled_back.share:.1%}", times[0], bad, f"{one.promoted.share:.1%}", times[1])
    return table


def _remarks(setup: "Setup", points: "list[Point]", runs: int) -> list[str]:
    """What the table does not say."""
    found = [
        f"{runs:,} rollouts of each candidate; what is neither was still undecided in the end.",
        "Failures are requests that the candidate failed until it was rolled back, in half of those rollouts.",
    ]
    same = next((one for one in points if one.equal), None)
    if same is not None:
        upper = same.rolled_back.upper
        found.append(f"A version as good as stable is rolled back in at most {upper:.2%} of the rollouts (95 % sure).")
    doubted = max(one.doubted for one in points)
    if doubted:
        found.append(f"The split was found not to be what was asked for in up to {doubted:.1%} of the rollouts.")
    thresholds = [name for name, kind in setup.kinds.items() if kind == "gauge"]
    return found + [f"{name} is a plain threshold and was taken to be kept." for name in thresholds]
