"""`crossfade doctor`: whether Crossfade works in a cluster, and what to do where it does not. It changes nothing."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from crossfade.doctor.checks import Check
    from crossfade.doctor.facts import Facts
    from crossfade.doctor.finding import Finding

    Told = tuple[tuple[Check, tuple[Finding, ...]], ...]

_WIDTH = 16
_COLOURS = {"ok": typer.colors.GREEN, "unseen": typer.colors.CYAN, "warning": typer.colors.YELLOW}
_VERDICTS = {0: "It works here.", 1: "It does not work here yet.", 2: "Not everything could be looked at."}
_COUNTED = {"fault": "faults", "warning": "warnings", "unseen": "not looked at", "ok": "well"}
UNREACHED = 2
"""The exit status where the cluster could not be looked at."""


@dataclass(frozen=True, slots=True)
class Place:
    """The API server's address, without credentials, and by what we were led to it, such as "the context `prod`"."""

    address: str
    way: str


def doctor(
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="The namespace of the Rollouts to look at; all when left out."),
    ] = None,
    output: Annotated[
        Literal["text", "json"], typer.Option("--output", "-o", help="For people, or for machines.")
    ] = "text",
    prometheus: Annotated[
        str | None,
        typer.Option(help="Ask the default Prometheus at this address, in place of the one that the operator is told."),
    ] = None,
) -> None:
    """Look whether Crossfade works in a cluster, and say what to do where it does not. Nothing is changed."""
    from crossfade.doctor.checks import examined, status_of
    from crossfade.ports import ClusterError

    try:
        place, facts = asyncio.run(_examine(namespace, prometheus, aloud=output == "text"))
    except ClusterError as failure:
        typer.echo(f"crossfade doctor: {failure}", err=True)
        raise typer.Exit(UNREACHED) from None
    told = examined(facts)
    status = status_of(tuple(finding for _, findings in told for finding in findings))
    if output == "json":
        typer.echo(as_json(place, told, status))
    else:
        print_for_people(told, status)
    raise typer.Exit(status)


async def _examine(namespace: str | None, prometheus: str | None, *, aloud: bool) -> "tuple[Place, Facts]":
    """What there is, and where. People are told `aloud` at which cluster they look before it is asked anything: it may
    not answer because it is another one than they think."""
    from importlib.metadata import version

    from crossfade.adapters.kube_reader import KubeReader
    from crossfade.adapters.prometheus_view import PrometheusView
    from crossfade.observe.examiner import Wish, examine

    reader = await KubeReader.connect()
    place = Place(reader.shown, reader.way)
    if aloud:
        typer.echo(f"Cluster: {place.address}, by {place.way}.\n")
    wish = Wish(version("crossfade"), known_fields(), namespace, prometheus)
    try:
        return place, await examine(reader, lambda address: PrometheusView(address, reader), wish)
    finally:
        await reader.close()


def known_fields() -> Mapping[str, frozenset[str]]:
    """The fields of each kind of this release, by the name of its definition."""
    from crossfade.api.kinds import KINDS
    from crossfade.codegen.crd import object_schema
    from crossfade.doctor.platform import fields_of

    return {kind.crd_name: frozenset(fields_of(object_schema(kind))) for kind in KINDS.values()}


def print_for_people(told: "Told", status: int) -> None:
    """One line a finding, with its why and its cure below it where it is not well."""
    for check, findings in told:
        for finding in findings:
            level = str(finding.level)
            mark = typer.style(f"{level:8}", fg=_COLOURS.get(level, typer.colors.RED))
            typer.echo(f"{mark} {check.name:{_WIDTH}} {finding.seen}")
            for word, text in (("why", finding.why), ("cure", finding.cure)):
                if text:
                    typer.echo(f"{'':{8 + _WIDTH}}   {word}: {text}")
    levels = [str(finding.level) for _, findings in told for finding in findings]
    counts = ", ".join(f"{levels.count(level)} {words}" for level, words in _COUNTED.items())
    typer.echo(f"\n{_VERDICTS[status]} Findings: {counts}.")


def as_json(place: Place, told: "Told", status: int) -> str:
    """The same as one object: `cluster` is where it looked, `status` the exit status; each check has its findings."""
    checks = [
        {
            "name": check.name,
            "asks": check.asks,
            "findings": [
                {"level": str(one.level), "seen": one.seen, "why": one.why, "cure": one.cure} for one in findings
            ],
        }
        for check, findings in told
    ]
    return json.dumps({"cluster": asdict(place), "status": status, "checks": checks}, indent=2, ensure_ascii=False)
