"""`crossfade simulate`: what the judge makes of thousands of rollouts of a service that is described in words."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from crossfade.cli.words import numbers, refuse, share, span

if TYPE_CHECKING:
    from crossfade.judging.setup import Setup
    from crossfade.simulate.curve import Point
    from crossfade.simulate.service import Regression, Service

_NO_NUMPY = "crossfade simulate needs numpy: pip install 'crossfade[simulate]'"
_USUAL = """
stages:
- {name: five, weight: 5, minDuration: 2m}
- {name: quarter, weight: 25, minDuration: 2m}
- {name: half, weight: 50, minDuration: 2m}
metrics:
- {name: errors, objective: {relative: {rollbackAbove: 10, promoteWithin: 50}}}
"""
_RATIOS = "1,1.1,1.5,2,3,5,10,20"


def simulate(
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", exists=True, dir_okay=False, help="A Rollout, or its analysis, as YAML."),
    ] = None,
    windows: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Recorded windows, as `crossfade judge` reads them, instead."),
    ] = None,
    rps: Annotated[float, typer.Option(min=0.001, max=1e6, help="Requests a second of the whole service.")] = 50.0,
    error_rate: Annotated[str, typer.Option(help="Its usual share of bad requests, such as 1%.")] = "1%",
    latency: Annotated[str, typer.Option(help="Its usual latency, the median.")] = "80ms",
    buckets: Annotated[Literal["classic", "fine"], typer.Option(help="Of its histogram.")] = "classic",
    scrape_interval: Annotated[str, typer.Option(help="How often its pods are scraped.")] = "15s",
    pods: Annotated[int, typer.Option(min=1, max=100, help="Of the stable version.")] = 4,
    candidate_pods: Annotated[int, typer.Option(min=1, max=100, help="Of the candidate.")] = 2,
    noise: Annotated[
        str, typer.Option(help="How unequal the pods' error rates are: standard deviation by mean.")
    ] = "0%",
    shocks: Annotated[
        float, typer.Option(min=0, max=60, help="An hour: a minute of x20 errors in both versions.")
    ] = 0.0,
    drift: Annotated[str, typer.Option(help="How far the rates swing in the course of a day.")] = "0%",
    applied: Annotated[str, typer.Option(help="How much of the weight the gateway applies.")] = "100%",
    errors: Annotated[str | None, typer.Option(help=f"Candidates: so many times the errors; {_RATIOS}.")] = None,
    slower: Annotated[str | None, typer.Option(help="Candidates: so many times the latency, such as 1,1.25.")] = None,
    onset: Annotated[str | None, typer.Option(help="When they turn worse; at once when left out.")] = None,
    horizon: Annotated[str, typer.Option(help="When a rollout that nothing was decided about is given up.")] = "40m",
    runs: Annotated[int, typer.Option(min=1, max=100_000, help="Rollouts of each candidate.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="Of the random numbers; the same seed, the same result.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Try an analysis on simulated rollouts: how often, when and at what price each candidate is rolled back.

    Exit status: 0 simulated, 1 numpy is missing or a recorded line could not be read, 2 the file or a flag is wrong.
    """
    setup = _setup(file)
    if windows is not None:
        from crossfade.cli.recorded import replay

        return replay(setup, windows, as_json=as_json)
    try:
        from crossfade.simulate.curve import curve
        from crossfade.simulate.scenario import Scenario
        from crossfade.simulate.service import CLASSIC, FINE, Drift, Latency, Pods, Service, Shocks
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        typer.echo(_NO_NUMPY, err=True)
        raise typer.Exit(1) from None
    service = Service(
        rps=rps,
        errors=share("--error-rate", error_rate),
        step=span("--scrape-interval", scrape_interval),
        pods=Pods(pods, candidate_pods, share("--noise", noise, most=5.0)),
        latency=Latency(span("--latency", latency), bounds=CLASSIC if buckets == "classic" else FINE),
        shocks=Shocks(shocks),
        drift=Drift(share("--drift", drift)),
        applied=share("--applied", applied, most=10.0),
    )
    watched = span("--horizon", horizon)
    if watched < service.step:
        refuse(f"--horizon: {horizon!r} must be no shorter than --scrape-interval, {scrape_interval!r}")
    late = span("--onset", onset) if onset else 0.0
    candidates = _candidates(setup, errors, slower, late)
    scenario = Scenario(setup.analysis, setup.stages, service, templates=setup.kinds, horizon=watched)
    found = curve(scenario, candidates, runs, seed, os.cpu_count() or 1)
    _print(setup, service, found, runs, seed, as_json=as_json)


def _setup(file: Path | None) -> "Setup":
    """What is judged by: of the file a Rollout's analysis and stages, else the usual."""
    import yaml

    from crossfade.judging.setup import SetupError, parse

    if file is None:
        return parse(_USUAL)
    try:
        text = file.read_text(encoding="utf-8")
        documents = [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
        raw = next((one for one in documents if one.get("kind") == "Rollout"), documents[0] if documents else {})
        return parse(yaml.safe_dump(_bare(raw)))
    except (SetupError, yaml.YAMLError, UnicodeDecodeError) as error:
        return refuse("\n".join(f"{file}: {sentence}" for sentence in str(error).splitlines()))


def _bare(raw: dict[str, Any]) -> dict[str, Any]:
    """A Rollout's analysis with its stages beside it, as `crossfade judge` reads it; anything else as it is."""
    spec = raw.get("spec")
    if not isinstance(spec, dict):
        return raw
    analysis, strategy = spec.get("analysis"), spec.get("strategy")
    if isinstance(strategy, dict) and strategy.get("weightScale", 100) != 100:
        refuse("spec.strategy.weightScale must be 100 to be simulated: stages are simulated in whole percent")
    stages = strategy.get("stages") if isinstance(strategy, dict) else None
    return {**(analysis if isinstance(analysis, dict) else {}), "stages": stages}


def _candidates(setup: "Setup", errors: str | None, slower: str | None, onset: float) -> "list[Regression]":
    """What to simulate; when nothing is asked for, what the analysis is about."""
    from crossfade.simulate.service import Regression

    kinds = set(setup.kinds.values())
    if not kinds & {"ratio", "latency"}:
        refuse("the analysis has plain thresholds alone, which a simulation cannot break; add a ratio or a latency")
    found = [Regression(errors=ratio, onset=onset) for ratio in numbers("--errors", errors)] if errors else []
    found += [Regression(latency=ratio, onset=onset) for ratio in numbers("--slower", slower)] if slower else []
    if not found and "ratio" in kinds:
        found += [Regression(errors=ratio, onset=onset) for ratio in numbers("--errors", _RATIOS)]
    if not found:
        found += [Regression(latency=ratio, onset=onset) for ratio in (1.0, 1.1, 1.25, 1.5, 2.0)]
    return found


def _print(setup: "Setup", service: "Service", points: "list[Point]", runs: int, seed: int, *, as_json: bool) -> None:
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table

    from crossfade.simulate.picture import duration, picture

    if as_json:
        content = {
            "runs": runs,
            "seed": seed,
            "service": asdict(service),
            "candidates": [asdict(one) for one in points],
        }
        typer.echo(json.dumps(content, indent=2))
        return
    console = Console(highlight=False)
    table = Table("candidate", "rolled back", "half / 95 % within", "failures", "promoted", "half / 95 % within")
    for one in points:
        times = [
            f"{duration(end.median)} / {duration(end.p95)}" if end.median is not None and end.p95 is not None else ""
            for end in (one.rolled_back, one.promoted)
        ]
        bad = "" if one.rolled_back.bad is None else f"{one.rolled_back.bad:.0f}"
        table.add_row(one.label, f"{one.rolled_back.share:.1%}", times[0], bad, f"{one.promoted.share:.1%}", times[1])
    console.print(table)
    console.print(picture([(one.label, one.rolled_back, one.promoted) for one in points]), soft_wrap=True)
    for sentence in _remarks(setup, points, runs):
        console.print(sentence, markup=False, soft_wrap=True)


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
