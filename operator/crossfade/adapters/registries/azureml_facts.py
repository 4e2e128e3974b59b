"""What Azure ML tells of a model: the job that made it, what that read, who registered it, and what people wrote beside
it.

Nothing here can fail: what is not as expected is left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from crossfade.adapters.address import shown_or_none
from crossfade.api.v1alpha1.facts import Dataset, Facts, Lineage, Provenance, Tags
from crossfade.model.loose import member, moment, objects, text

Json = dict[str, Any]
_SAID: Final = ("description", "modelType", "stage")
_COMMIT: Final = ("mlflow.source.git.commit", "azureml.git.commit")
_REPOSITORY: Final = ("mlflow.source.git.repoURL", "azureml.git.repository_uri")


def facts(version: Json, job: Json) -> Facts:
    """Of the version as it is described, and of the job that made it, which is empty where that is not known."""
    told = member(version, "properties")
    tags = {name: value for name, value in _tags(told) if value}
    return Facts(
        lineage=_lineage(version, job),
        provenance=_provenance(member(version, "systemData")),
        tags=Tags(origin="Registry", values=tags) if tags else None,
    )


def _lineage(version: Json, job: Json) -> Lineage | None:
    told, ran = member(version, "properties"), member(job, "properties")
    repository = _first(ran, _REPOSITORY)
    found: Json = {
        "run_id": text(told.get("jobName")),
        "git_commit": _first(ran, _COMMIT),
        "git_repository": shown_or_none(repository) if repository else None,
        "source": text(job.get("command")),
        "datasets": [*_registered(told), *_read(job)],
        "parameters": {name: str(value) for name, value in member(job, "parameters").items() if _is_plain(value)},
    }
    return Lineage.model_validate({"origin": "Registry", **found}) if any(found.values()) else None


def _provenance(made: Json) -> Provenance | None:
    """Who registered the version, a person or an application, and when."""
    who, when = text(made.get("createdBy")), moment(made.get("createdAt"))
    return Provenance(origin="Registry", created_by=who, created_at=when) if who or when else None


def _registered(told: Json) -> Iterator[Dataset]:
    """The datasets that a version names."""
    for one in objects(told.get("datasets")):
        name = text(one.get("name"))
        uri = text(one.get("id"))
        if name:
            yield Dataset(name=name, uri=shown_or_none(uri) if uri else None)


def _read(job: Json) -> Iterator[Dataset]:
    """The data that a job was given."""
    for name, one in member(job, "inputs").items():
        uri = text(one.get("uri")) if isinstance(one, dict) else None
        if uri:
            yield Dataset(name=name, uri=shown_or_none(uri), role="training")


def _tags(told: Json) -> Iterator[tuple[str, str | None]]:
    """Properties, over them tags, and over all what Azure has a field of its own for."""
    for name in ("properties", "tags"):
        yield from ((key, text(value)) for key, value in member(told, name).items())
    yield from ((name, text(told.get(name))) for name in _SAID)


def _first(told: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := text(told.get(name)))), None)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float)
