"""What a SageMaker model package tells of its model: where it comes from, how good it was found to be, who registered
it, what takes it.

Nothing here can fail: what is not as expected is left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from crossfade.adapters.address import shown_or_none
from crossfade.adapters.buckets.bucket import Place, place
from crossfade.api.v1alpha1.facts import Evaluation, Facts, Lineage, Provenance, Score, Tags
from crossfade.model.loose import at, member, objects, text
from crossfade.ports import SourceError

Json = dict[str, Any]
_SAID: Final = ("ModelApprovalStatus", "ApprovalDescription", "Domain", "Task", "ModelPackageDescription", "SourceUri")
_MOST_SCORES: Final = 64


def metrics_place(package: Json) -> Place | None:
    """Where the file with the model's quality is."""
    quality = member(member(package, "ModelMetrics"), "ModelQuality")
    uri = text(member(quality, "Statistics").get("S3Uri"))
    try:
        found = place(uri) if uri else None
    except SourceError:
        return None
    return found if found and found.scheme == "s3" and found.key else None


def facts(package: Json, metrics: Mapping[str, Any]) -> Facts:
    """Of the package as it is described, and of the content of its file of metrics."""
    scores = [Score(metric=name, value=value) for name, value in _scores(metrics)][:_MOST_SCORES]
    tags = _tags(package)
    return Facts(
        lineage=_lineage(package),
        evaluation=Evaluation(origin="Registry", scores=scores) if scores else None,
        provenance=_provenance(package),
        tags=Tags(origin="Registry", values=tags) if tags else None,
    )


def _lineage(package: Json) -> Lineage | None:
    made = member(package, "MetadataProperties")
    repository = text(made.get("Repository"))
    found: dict[str, str | None] = {
        "run_id": text(made.get("GeneratedBy")),
        "git_commit": text(made.get("CommitId")),
        "git_repository": shown_or_none(repository) if repository else None,
    }
    return Lineage.model_validate({"origin": "Registry", **found}) if any(found.values()) else None


def _provenance(package: Json) -> Provenance | None:
    """Who registered the package, by the profile in SageMaker's domain, else by the ARN of who called, and when."""
    maker = member(package, "CreatedBy")
    who = text(maker.get("UserProfileName")) or text(member(maker, "IamIdentity").get("Arn"))
    when = at(package.get("CreationTime"))
    return Provenance(origin="Registry", created_by=who, created_at=when) if who or when else None


def _tags(package: Json) -> dict[str, str]:
    """What people wrote, and under SageMaker's own names what the package says of itself."""
    inference = member(package, "InferenceSpecification")
    container = next(iter(objects(inference.get("Containers"))), {})
    stage = member(package, "ModelLifeCycle")
    found = {
        **{name: text(value) for name, value in member(package, "CustomerMetadataProperties").items()},
        **{name: text(package.get(name)) for name in _SAID},
        "ProjectId": text(member(package, "MetadataProperties").get("ProjectId")),
        "ContentTypes": _listed(inference.get("SupportedContentTypes")),
        "ResponseTypes": _listed(inference.get("SupportedResponseMIMETypes")),
        "Framework": text(container.get("Framework")),
        "Image": text(container.get("Image")),
        "ModelLifeCycle": "/".join(filter(None, (text(stage.get("Stage")), text(stage.get("StageStatus"))))) or None,
    }
    return {name: value for name, value in found.items() if value}


def _listed(values: object) -> str | None:
    found = [one for one in values if isinstance(one, str)] if isinstance(values, list) else []
    return ", ".join(found) or None


def _scores(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """`{"regression_metrics": {"mse": {"value": 4.9}}}`, as SageMaker's own reports have it, and plain numbers."""
    for name, told in metrics.items():
        if _is_number(told):
            yield name, str(told)
        if isinstance(told, dict):
            yield from ((inner, str(one["value"])) for inner, one in told.items() if _has_value(one))


def _has_value(told: object) -> bool:
    return isinstance(told, dict) and _is_number(told.get("value"))


def _is_number(told: object) -> bool:
    return isinstance(told, int | float) and not isinstance(told, bool)
