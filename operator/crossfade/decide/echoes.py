"""Whether a ModelSource follows what its own ModelRegistry is told of rollouts: then moves would follow moves."""

from collections.abc import Iterator

from crossfade.api.conditions import Reason
from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
from crossfade.decide.plan import Situation, Standing
from crossfade.model.snapshot import RegistryFacts


def echo(spec: ModelSourceSpec, registry: RegistryFacts | None) -> Situation | None:
    """Where things stand when what is followed may not move anything; None where it may."""
    asked = registry.spec.write_back if registry is not None else None
    if registry is None or asked is None:
        return None
    for selector, name in _names(spec):
        for field, alias in (("champion", asked.champion), ("challenger", asked.challenger)):
            # some of MLflow's databases take both for the same
            if alias is not None and alias.casefold() == name.casefold():
                right = "follow one that only people and training move, such as `candidate`"
                return _refused(f"spec.{selector}: {name}", f"writeBack.{field}: {alias}", registry.name, right)
    stage = spec.mlflow.stage if spec.mlflow is not None else None
    if asked.stage is not None and stage is not None:  # a version that is given one leaves any other
        right = "follow an alias that only people and training move, such as `candidate`"
        return _refused(f"spec.mlflow.stage: {stage}", f"writeBack.stage: {asked.stage}", registry.name, right)
    tag = (spec.azure_ml.tag if spec.azure_ml is not None else None) or ""
    if tag.startswith("crossfade.") and asked.tags is not None:
        right = "follow a tag that only people and training write"
        return _refused(f"spec.azureML.tag: {tag}", "writeBack.tags: Outcome", registry.name, right)
    pending = spec.sage_maker is not None and spec.sage_maker.approval_status == "PendingManualApproval"
    if pending and asked.approval is not None:
        followed = "spec.sageMaker.approvalStatus: PendingManualApproval"
        return _refused(followed, "writeBack.approval: Outcome", registry.name, "follow `Approved`")
    return None


def _names(spec: ModelSourceSpec) -> Iterator[tuple[str, str]]:
    """The field and the name that is followed, where it is one that `writeBack` can move."""
    if spec.hugging_face is not None and spec.hugging_face.revision is not None:
        yield "huggingFace.revision", spec.hugging_face.revision.removeprefix("refs/tags/")
    if spec.mlflow is not None and spec.mlflow.alias is not None:
        yield "mlflow.alias", spec.mlflow.alias
    if spec.oci is not None and spec.oci.tag is not None:
        yield "oci.tag", spec.oci.tag
    if spec.vertex_ai is not None and spec.vertex_ai.alias is not None:
        yield "vertexAI.alias", spec.vertex_ai.alias
    if spec.wandb is not None and spec.wandb.alias is not None:
        yield "wandb.alias", spec.wandb.alias


def _refused(followed: str, written: str, registry: str, right: str) -> Situation:
    return Situation(
        Standing.FAILED,
        Reason.FOLLOWS_ITSELF,
        f"`{followed}` is what `spec.{written}` of the ModelRegistry {registry} changes after each rollout, so that "
        f"one move would bring about the next, and nothing is moved; {right}, or leave `spec.moves` out",
    )
