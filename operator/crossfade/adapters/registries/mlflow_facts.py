"""What MLflow's JSON tells of a model: where it comes from, how good it was found to be, who registered it, its tags.

Nothing here can fail: what is not as expected is left out.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

from crossfade.adapters.address import shown_or_none
from crossfade.adapters.json_object import json_object
from crossfade.api.v1alpha1.facts import Dataset, Evaluation, Lineage, Provenance, Score, Tags
from crossfade.model.loose import at, member, objects, text
from crossfade.model.loose import count as counted

Json = dict[str, Any]
_CONTEXT = "mlflow.data.context"


def lineage(run_id: str, run: Json, logged: Json) -> Lineage | None:
    """Of the run that made the model, and of what was logged with it; None where the model names no run."""
    if not run_id:
        return None
    data = member(run, "data")
    noted = _texts(data.get("tags"))
    repository = noted.get("mlflow.source.git.repoURL")
    return Lineage(
        origin="Registry",
        run_id=run_id,
        git_commit=noted.get("mlflow.source.git.commit"),
        git_repository=shown_or_none(repository) if repository else None,
        source=noted.get("mlflow.source.name"),
        user=noted.get("mlflow.user"),
        trained_at=_moment(member(run, "info").get("end_time")),
        datasets=_datasets(member(run, "inputs").get("dataset_inputs")),
        parameters=_texts(member(logged, "data").get("params")) | _texts(data.get("params")),
    )


def evaluation(run: Json, logged: Json) -> Evaluation | None:
    """The logged model's metrics with their data; of a model that was not logged by itself, its run's."""
    found = objects(member(logged, "data").get("metrics")) or objects(member(run, "data").get("metrics"))
    scores = [
        Score(metric=str(one["key"]), value=str(one["value"]), dataset=text(one.get("dataset_name")))
        for one in found
        if "key" in one and "value" in one
    ]
    return Evaluation(origin="Registry", scores=scores) if scores else None


def provenance(version: Json) -> Provenance | None:
    """Who registered the version, where MLflow says that, and when."""
    user, made = text(version.get("user_id")), _moment(version.get("creation_timestamp"))
    return Provenance(origin="Registry", created_by=user, created_at=made) if user or made else None


def tags(version: Json) -> Tags | None:
    """The version's tags."""
    found = _texts(version.get("tags"))
    return Tags(origin="Registry", values=found) if found else None


def _datasets(listed: object) -> list[Dataset]:
    """In order, with names of their own: two may be called the same in MLflow."""
    found: dict[str, Dataset] = {}
    for one in objects(listed):
        dataset = member(one, "dataset")
        name = text(dataset.get("name")) or "dataset"
        free = next(title for title in _titles(name) if title not in found)
        found[free] = Dataset(
            name=free,
            digest=text(dataset.get("digest")),
            uri=_address(dataset.get("source")),
            role=_texts(one.get("tags")).get(_CONTEXT),
        )
    return list(found.values())


def _moment(milliseconds: object) -> str | None:
    """A number, which JSON of protocol buffers may have as a text."""
    found = counted(str(milliseconds))
    return at(found / 1000) if found is not None else None


def _titles(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name[:240]} #{number}" for number in count(2))


def _address(source: object) -> str | None:
    """Where data was read from: MLflow keeps an object in a text, with an address by one of several names."""
    told = json_object(source) if isinstance(source, str) else None
    for name in ("uri", "url", "path"):
        if told and (address := text(told.get(name))):
            return shown_or_none(address)
    return None


def _texts(pairs: object) -> dict[str, str]:
    """MLflow's lists of `key` and `value`."""
    return {
        item["key"]: item["value"]
        for item in objects(pairs)
        if isinstance(item.get("key"), str) and isinstance(item.get("value"), str)
    }
