"""What Vertex AI tells of a model: the pipeline's run that made it, how good it was found to be, when it was uploaded,
its labels.

Nothing here can fail: what is not as expected is left out.
"""

from collections.abc import Iterator
from typing import Any, Final

from crossfade.api.v1alpha1.facts import Evaluation, Facts, Lineage, Provenance, Score, Tags
from crossfade.model.loose import member, moment, objects, plain, text

Json = dict[str, Any]
_SAID: Final = ("description", "displayName", "trainingPipeline", "versionDescription")
_MOST_SCORES: Final = 64


def facts(model: Json, evaluations: Json, job: Json, page: str) -> Facts:
    """Of the version as it is described, of the list of its evaluations, and of the pipeline's run."""
    scores = list(_scores(evaluations))[:_MOST_SCORES]
    made = moment(model.get("versionCreateTime"))
    tags = _tags(model)
    return Facts(
        lineage=_lineage(model, job),
        evaluation=Evaluation(origin="Registry", scores=scores) if scores else None,
        provenance=Provenance(origin="Registry", created_at=made) if made else None,
        tags=Tags(origin="Registry", values=tags) if tags else None,
        registry_url=page,
    )


def _lineage(model: Json, job: Json) -> Lineage | None:
    run = text(model.get("pipelineJob")) or text(model.get("trainingPipeline"))
    if run is None:
        return None
    parameters = member(member(job, "runtimeConfig"), "parameterValues")
    return Lineage(
        origin="Registry",
        run_id=run,
        source=text(job.get("templateUri")),
        user=text(job.get("serviceAccount")),
        trained_at=moment(job.get("endTime")),
        parameters={name: told for name, value in parameters.items() if (told := plain(value))},
    )


def _scores(evaluations: Json) -> Iterator[Score]:
    """The numbers of each evaluation, which has its name where it has one."""
    for one in objects(evaluations.get("modelEvaluations")):
        for name, value in member(one, "metrics").items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                yield Score(metric=name, value=str(value), dataset=text(one.get("displayName")))


def _tags(model: Json) -> dict[str, str]:
    """What people wrote, and under Vertex AI's own names what it says of the version."""
    aliases = model.get("versionAliases")
    found = {
        **{name: text(value) for name, value in member(model, "labels").items()},
        **{name: text(model.get(name)) for name in _SAID},
        "image": text(member(model, "containerSpec").get("imageUri")),
        "sourceType": text(member(model, "modelSourceInfo").get("sourceType")),
        "versionAliases": ", ".join(one for one in aliases if isinstance(one, str))
        if isinstance(aliases, list)
        else None,
    }
    return {name: value for name, value in found.items() if value}
