"""The world around one ModelSource, gathered in one moment from memory."""

from dataclasses import replace

from crossfade.api.v1alpha1 import ModelSourceSpec, ModelSourceStatus, ModelVersionSpec
from crossfade.decide.sourcing import wanted
from crossfade.model.sourcing import Answer, SourceSnapshot, StoredRollout, StoredVersion
from crossfade.observe.cache import Cache
from crossfade.observe.gather import read_spec, read_status, registry_facts, rollout_facts, version_facts
from crossfade.ports import Object


def gather_source(cache: Cache, raw: Object, answer: Answer | None, now: float, began: float) -> SourceSnapshot:
    """Everything a decision about this ModelSource may look at. Raises UnreadableStatusError."""
    spec, error = read_spec(ModelSourceSpec, raw)
    metadata = raw["metadata"]
    namespace, ref = metadata["namespace"], spec.registry_ref if spec else None
    registry, missing = registry_facts(cache, namespace, ref.name, "spec.registryRef") if ref else (None, "")
    snapshot = SourceSnapshot(
        now=now,
        began=began,
        name=metadata["name"],
        namespace=namespace,
        uid=metadata["uid"],
        generation=int(metadata["generation"]),
        spec=spec,
        spec_error=error,
        status=read_status(ModelSourceStatus, raw),
        answer=answer,
        registry=registry,
        registry_error=missing,
        rollout=_rollout(cache, namespace, spec.moves.rollout) if spec and spec.moves else None,
    )
    name = wanted(snapshot)
    return replace(snapshot, version=_version(cache, namespace, name)) if name else snapshot


def _version(cache: Cache, namespace: str, name: str) -> StoredVersion | None:
    raw = cache.get("ModelVersion", namespace, name)
    return StoredVersion(read_spec(ModelVersionSpec, raw)[0], version_facts(raw)) if raw else None


def _rollout(cache: Cache, namespace: str, name: str) -> StoredRollout | None:
    raw = cache.get("Rollout", namespace, name)
    if raw is None:
        return None
    facts = rollout_facts(raw)
    names = {end.model_version for end in facts.status.history}
    if facts.spec is not None:
        names.add(facts.spec.model_version)
    digests = {}
    for one in names:
        stored = cache.get("ModelVersion", namespace, one)
        resolved = version_facts(stored).resolved if stored else None
        if resolved is not None:
            digests[one] = resolved.digest
    return StoredRollout(facts, raw["metadata"]["resourceVersion"], digests)
