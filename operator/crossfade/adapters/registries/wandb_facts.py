"""What Weights & Biases tells of an artifact: the run that logged it, what that was run with and read, who used it.

Nothing here can fail: what is not as expected is left out.
"""

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from crossfade.adapters.json_object import json_object
from crossfade.adapters.wandb_address import REGISTRY_PREFIX, WandbAddress
from crossfade.api.v1alpha1.facts import Dataset, Evaluation, Facts, Lineage, Provenance, Score, Tags
from crossfade.model.loose import member, moment, objects, plain, text

Json = dict[str, Any]
_API: Final = "https://api.wandb.ai"
_APP: Final = "https://wandb.ai"
_MOST_SCORES: Final = 64
_MOST_RUNS: Final = 16


def facts(membership: Json, address: WandbAddress, run: Json, used: Json, page: str) -> Facts:
    """Of the artifact as the collection has it, of the run that logged it and of those that used it."""
    scores = list(_scores(_object(run.get("summaryMetrics"))))[:_MOST_SCORES]
    tags = _tags(address, membership, used)
    return Facts(
        lineage=_lineage(run),
        evaluation=Evaluation(origin="Registry", scores=scores) if scores else None,
        provenance=_provenance(member(membership, "artifact"), run),
        tags=Tags(origin="Registry", values=tags),
        registry_url=page,
    )


def _lineage(run: Json) -> Lineage | None:
    path = _path(run, text(run.get("name")))
    if path is None:
        return None
    return Lineage(
        origin="Registry",
        run_id=path,
        git_commit=text(run.get("commit")),
        user=text(member(run, "user").get("username")),
        trained_at=_moment(run.get("heartbeatAt")) if run.get("state") == "finished" else None,
        datasets=list(_datasets(member(run, "inputArtifacts"))),
        parameters=dict(_parameters(_object(run.get("config")))),
    )


def _provenance(artifact: Json, maker: Json) -> Provenance | None:
    """Who logged the artifact, in a run or without one, and when."""
    who = text(maker.get("username")) or text(member(maker, "user").get("username"))
    when = _moment(artifact.get("createdAt"))
    return Provenance(origin="Registry", created_by=who, created_at=when) if who or when else None


def _moment(told: object) -> str | None:
    """W&B's times are in UTC, whether they say so or not."""
    return moment(f"{str(told).removesuffix('Z')}Z")


def _datasets(connection: Json) -> Iterator[Dataset]:
    """The artifacts that a run read."""
    for edge in objects(connection.get("edges")):
        artifact = member(edge, "node")
        if name := _named(artifact):
            role = text(member(artifact, "artifactType").get("name"))
            yield Dataset(name=name, digest=text(artifact.get("digest")), role=role)


def _parameters(config: Json) -> Iterator[tuple[str, str]]:
    """`{"lr": {"value": 0.1, "desc": null}}`, without W&B's own notes."""
    for name, told in config.items():
        value = plain(told["value"] if isinstance(told, dict) and "value" in told else told)
        if value and not name.startswith("_wandb"):
            yield name, value


def _scores(summary: Json) -> Iterator[Score]:
    """The last numbers that the run logged, without W&B's own."""
    for name, value in summary.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and not name.startswith("_"):
            yield Score(metric=name, value=str(value))


def _tags(address: WandbAddress, membership: Json, used: Json) -> dict[str, str]:
    """What people wrote, and under W&B's own names what it says of the artifact."""
    artifact = member(membership, "artifact")
    source = _named(artifact)
    runs = [path for edge in objects(used.get("edges")) if (path := _run(edge)) is not None]
    found = {
        **{name: plain(value) for name, value in _object(artifact.get("metadata")).items()},
        "aliases": _listed(membership.get("aliases"), "alias"),
        "description": text(artifact.get("description")),
        "digest": address.digest,
        "source": source if source != address.name else None,
        "tags": _listed(artifact.get("tags"), "name"),
        "type": kind(membership),
        "usedBy": ", ".join(runs[:_MOST_RUNS]),
    }
    return {name: value for name, value in found.items() if value}


def _run(edge: Json) -> str | None:
    run = member(edge, "node")
    return _path(run, text(run.get("name")))


def _named(artifact: Json) -> str | None:
    """Such as `team/fraud/payments:v3`: the artifact where it was logged."""
    sequence, index = member(artifact, "artifactSequence"), artifact.get("versionIndex")
    name = text(sequence.get("name"))
    return _path(sequence, f"{name}:v{index}") if name and type(index) is int else None


def _path(thing: Json, name: str | None) -> str | None:
    project = member(thing, "project")
    entity, of = text(member(project, "entity").get("name")), text(project.get("name"))
    return f"{entity}/{of}/{name}" if entity and of and name else None


def kind(membership: Json) -> str | None:
    """The artifact's type, such as `model`."""
    return text(member(member(membership, "artifact"), "artifactType").get("name"))


def project_page(shown: str, address: WandbAddress, of_type: str | None) -> str:
    """Where people see it in the project that it was logged to."""
    names = (address.entity, address.project, "artifacts", of_type or "model", address.collection, address.version)
    return "/".join((_app(shown), *(quote(name, safe="") for name in names)))


def registry_page(shown: str, organization: str, address: WandbAddress) -> str:
    """Where people see it in a registry of the organization."""
    registry = quote(address.project.removeprefix(REGISTRY_PREFIX), safe="")
    where = quote("/".join((address.entity, address.project, address.collection)), safe="")
    query = f"selectionPath={where}&view=membership&version={address.version}"
    return f"{_app(shown)}/orgs/{quote(organization, safe='')}/registry/{registry}?{query}"


def _app(shown: str) -> str:
    return _APP if shown == _API else shown


def _object(told: object) -> Json:
    return (json_object(told) if isinstance(told, str) else None) or {}


def _listed(values: object, name: str) -> str | None:
    return ", ".join(found for one in objects(values) if (found := text(one.get(name)))) or None
