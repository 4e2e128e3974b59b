"""`crossfade simulate`: what the judge makes of thousands of rollouts of a service that is described in words."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from crossfade.cli.simulated import show
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


_File = Annotated[
    Path | None, typer.Option("--file", "-f", exists=True, dir_okay=False, help="A Rollout, or its analysis, as YAML.")
]
_Windows = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Recorded windows, as `crossfade judge` reads them, instead."),
]
_Rps = Annotated[float, typer.Option(min=0.001, max=1e6, help="Requests a second of the whole service.")]
_ErrorRate = Annotated[str, typer.Option(help="Its usual share of bad requests, such as 1%.")]
_Latency = Annotated[str, typer.Option(help="Its usual latency, the median.")]
_Buckets = Annotated[Literal["classic", "fine"], typer.Option(help="Of its histogram.")]
_ScrapeInterval = Annotated[str, typer.Option(help="How often its pods are scraped.")]
_StablePods = Annotated[int, typer.Option(min=1, max=100, help="Of the stable version.")]
_CandidatePods = Annotated[int, typer.Option(min=1, max=100, help="Of the candidate.")]
_Noise = Annotated[str, typer.Option(help="How unequal the pods' error rates are: standard deviation by mean.")]
_Shocks = Annotated[float, typer.Option(min=0, max=60, help="An hour: a minute of x20 errors in both versions.")]
_Drift = Annotated[str, typer.Option(help="How far the rates swing in the course of a day.")]
_Applied = Annotated[str, typer.Option(help="How much of the weight the gateway applies.")]
_Errors = Annotated[str | None, typer.Option(help=f"Candidates: so many times the errors; {_RATIOS}.")]
_Slower = Annotated[str | None, typer.Option(help="Candidates: so many times the latency, such as 1,1.25.")]
_Onset = Annotated[str | None, typer.Option(help="When they turn worse; at once when left out.")]
_Horizon = Annotated[str, typer.Option(help="When a rollout that nothing was decided about is given up.")]
_Runs = Annotated[int, typer.Option(min=1, max=100_000, help="Rollouts of each candidate.")]
_Seed = Annotated[int, typer.Option(min=0, help="Of the random numbers; the same seed, the same result.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def simulate(
    file: _File = None,
    windows: _Windows = None,
    rps: _Rps = 50.0,
    error_rate: _ErrorRate = "1%",
    latency: _Latency = "80ms",
    buckets: _Buckets = "classic",
    scrape_interval: _ScrapeInterval = "15s",
    pods: _StablePods = 4,
    candidate_pods: _CandidatePods = 2,
    noise: _Noise = "0%",
    shocks: _Shocks = 0.0,
    drift: _Drift = "0%",
    applied: _Applied = "100%",
    errors: _Errors = None,
    slower: _Slower = None,
    onset: _Onset = None,
    horizon: _Horizon = "40m",
    runs: _Runs = 500,
    seed: _Seed = 0,
    as_json: _AsJson = False,
) -> None:
    """Try an analysis on simulated rollouts: how often, when and at what price each candidate is rolled back.

    Exit status: 0 simulated, 1 numpy is missing or a recorded line could not be read, 2 the file or a flag is wrong.
    """
    setup = _setup(file)
    if windows is not None:
        from crossfade.cli.recorded import replay

        return replay(setup, windows, as_json=as_json)
    _need_numpy()
    of_pods = (pods, candidate_pods, noise)
    service = _service(rps, error_rate, scrape_interval, of_pods, (latency, buckets), shocks, drift, applied)
    watched = _horizon(horizon, service, scrape_interval)
    candidates = _candidates(setup, errors, slower, span("--onset", onset) if onset else 0.0)
    found = _simulated(setup, service, watched, candidates, runs, seed)
    show(setup, service, found, runs, seed, as_json=as_json)


def _need_numpy() -> None:
    try:
        import crossfade.simulate.curve  # noqa: F401 - what needs it says so when it is imported
    except ModuleNotFoundError as error:
        if error.name != "numpy":
            raise
        typer.echo(_NO_NUMPY, err=True)
        raise typer.Exit(1) from None


def _service(
    rps: float,
    error_rate: str,
    scrape_interval: str,
    pods: tuple[int, int, str],
    latency: tuple[str, str],
    shocks: float,
    drift: str,
    applied: str,
) -> "Service":
    """As described. `pods`: of stable, of the candidate, their noise; `latency`: the median, its buckets."""
    from crossfade.simulate.service import CLASSIC, FINE, Drift, Latency, Pods, Service, Shocks

    (stable, candidate, noise), (median, buckets) = pods, latency
    return Service(
        rps=rps,
        errors=share("--error-rate", error_rate),
        step=span("--scrape-interval", scrape_interval),
        pods=Pods(stable, candidate, share("--noise", noise, most=5.0)),
        latency=Latency(span("--latency", median), bounds=CLASSIC if buckets == "classic" else FINE),
        shocks=Shocks(shocks),
        drift=Drift(share("--drift", drift)),
        applied=share("--applied", applied, most=10.0),
    )


def _horizon(horizon: str, service: "Service", scrape_interval: str) -> float:
    """Seconds, of one scrape at least."""
    watched = span("--horizon", horizon)
    if watched < service.step:
        refuse(f"--horizon: {horizon!r} must be no shorter than --scrape-interval, {scrape_interval!r}")
    return watched


def _simulated(
    setup: "Setup", service: "Service", horizon: float, candidates: "list[Regression]", runs: int, seed: int
) -> "list[Point]":
    from crossfade.simulate.curve import curve
    from crossfade.simulate.scenario import Scenario

    scenario = Scenario(setup.analysis, setup.stages, service, templates=setup.kinds, horizon=horizon)
    return curve(scenario, candidates, runs, seed, os.cpu_count() or 1)


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
