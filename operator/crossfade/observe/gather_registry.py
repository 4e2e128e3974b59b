"""The world around one ModelRegistry: what the Rollouts of its namespace have to say of models that are in it."""

from collections.abc import Callable, Iterator

from crossfade.api.v1alpha1 import ModelRegistrySpec, ModelRegistryStatus
from crossfade.api.v1alpha1.modelversion import ResolvedAccess
from crossfade.model.registered import model_named
from crossfade.model.snapshot import RegistryFacts, RegistrySnapshot
from crossfade.model.writing import Attempt, Ended, Registered, Told
from crossfade.observe.cache import Cache
from crossfade.observe.credentials import recorded
from crossfade.observe.gather import read_spec, read_status
from crossfade.ports import Object

Place = tuple[str, str]


def gather_registry(
    cache: Cache, raw: Object, result: Callable[[Place, RegistryFacts], Attempt | None], began: float, now: float
) -> RegistrySnapshot:
    """Everything a decision about this ModelRegistry may look at; `result` knows what came of the last attempt to reach
    it. Raises UnreadableStatusError."""
    metadata = raw["metadata"]
    spec, error = read_spec(ModelRegistrySpec, raw)
    place, attempt = "", None
    told: tuple[Told, ...] = ()
    if spec is not None:
        facts = RegistryFacts(metadata["name"], metadata["uid"], spec)
        access = recorded(facts)
        place = _shown(access)
        attempt = result((metadata["namespace"], metadata["name"]), facts)
        told = tuple(_told(cache, metadata["namespace"], access)) if spec.write_back is not None else ()
    return RegistrySnapshot(
        now=now,
        uid=metadata["uid"],
        generation=int(metadata["generation"]),
        spec=spec,
        spec_error=error,
        status=read_status(ModelRegistryStatus, raw),
        place=place,
        told=told,
        attempt=attempt,
        asked_at=attempt.at if attempt is not None else began,
    )


def _shown(access: ResolvedAccess) -> str:
    options = (f"{name}={text}" for name, text in sorted(access.options.items()))
    return " ".join([access.system, access.address, *options])


def _told(cache: Cache, namespace: str, access: ResolvedAccess) -> Iterator[Told]:
    """Read from what is stored as it is, for there may be thousands; the API server has checked its types."""
    for raw in cache.all("Rollout"):
        status = raw.get("status") or {}
        arms = [status.get("stable") or {}, status.get("candidate") or {}]
        ends = status.get("history") or []
        if raw["metadata"]["namespace"] != namespace:
            continue
        named = {one["modelVersion"] for one in [*arms, *ends] if "modelVersion" in one}
        names = {name: found for name in named if (found := _registered(cache, namespace, name, access)) is not None}
        if names:
            stable, candidate = (names.get(arm.get("modelVersion", "")) for arm in arms)
            candidate = candidate if arms[0] else None  # a first version challenges nobody
            told = tuple(_ended(names.get(end["modelVersion"]), end) for end in ends)
            yield Told(f"{namespace}/{raw['metadata']['name']}", stable, candidate, told)


def _registered(cache: Cache, namespace: str, name: str, access: ResolvedAccess) -> Registered | None:
    """What a ModelVersion is in this very registry; None for one that was resolved by another, or is gone."""
    raw = cache.get("ModelVersion", namespace, name) or {}
    resolved = (raw.get("status") or {}).get("resolved") or {}
    known = resolved.get("access") or {}
    here = (access.name, access.system, access.address, access.options)
    same = (known.get("name"), known.get("system"), known.get("address"), known.get("options") or {}) == here
    if not same or "registryVersion" not in resolved:
        return None
    model = model_named(access.system, resolved["uri"])
    if model is None:
        return None
    return Registered(model, resolved["registryVersion"], resolved["digest"], resolved["uri"])


def _ended(what: Registered | None, end: Object) -> Ended:
    return Ended(what, end["result"], end["cause"], end["message"], end["revision"], end["at"])
