"""Streams of counters for `crossfade judge`, and what comes back of them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from click.testing import Result
from crossfade.cli.commands import app
from typer.testing import CliRunner

ANALYSIS = """
metrics:
- name: errors
  objective: {relative: {rollbackAbove: 10, promoteWithin: 50}}
trafficCheck: {grace: 30s}
stages:
- {name: ten, weight: 10, minDuration: 2m}
- {name: half, weight: 50, minDuration: 30s, maxDuration: 2m, onInconclusive: Advance}
"""


def sample(arm: str, bad: float, total: float, pod: str = "", metric: str = "errors") -> dict[str, Any]:
    return {"metric": metric, "arm": arm, "pod": pod or f"{arm}-0", "bad": bad, "total": total}


def line(t: float, *samples: dict[str, Any], weight: int = 10, run: str | None = None) -> dict[str, Any]:
    named = {} if run is None else {"run": run}
    return {**named, "t": t, "weight": weight, "samples": list(samples)}


def scrapes(count: int, bad: int, *, run: str | None = None, weight: int = 10, start: int = 0) -> list[dict[str, Any]]:
    """Every 15 s 75 requests of the candidate, `bad` of them, and 675 of stable, 7 of them; counters from 1000 on."""
    return [
        line(
            15.0 * i,
            sample("candidate", 1000 + bad * i, 9000 + 75 * i),
            sample("stable", 1000 + 7 * i, 90000 + 675 * i),
            run=run,
            weight=weight,
        )
        for i in range(start, start + count)
    ]


class Judged:
    """What came back of a stream."""

    def __init__(self, result: Result) -> None:
        self.exit_code, self.notes = result.exit_code, result.stderr
        self.lines = [json.loads(text) for text in result.stdout.splitlines()]

    @property
    def overall(self) -> list[str]:
        return [one["overall"] for one in self.lines]

    def last(self, name: str = "errors") -> dict[str, Any]:
        return next(metric for metric in self.lines[-1]["metrics"] if metric["name"] == name)


class Tell:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, lines: Iterable[dict[str, Any] | str], analysis: str = ANALYSIS) -> Judged:
        self._path.write_text(analysis)
        text = "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines)
        return Judged(CliRunner().invoke(app, ["judge", "--analysis", str(self._path)], input=text))
