"""Which Rollouts' metrics are to be read, where, and from when on."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from crossfade.api.v1alpha1 import RolloutSpec, RolloutStatus
from crossfade.api.v1alpha1.analysis import Metric
from crossfade.api.v1alpha1.common import seconds
from crossfade.decide.memory import remembered
from crossfade.decide.templates import source_of
from crossfade.model.ledger import Ledger, MetricLedger
from crossfade.observe.answers import DEFAULT, Watched
from crossfade.observe.cache import Cache
from crossfade.observe.gather import templates_of
from crossfade.ports import Object


class Watchlist:
    """The Rollouts with two arms: metrics must answer before the candidate's first request, and a first version, which
    has nothing to be compared with, needs none."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._specs: dict[str, tuple[Any, RolloutSpec | None]] = {}

    def under_way(self, ledgers: Mapping[str, Ledger]) -> Iterator[Watched]:
        """What to read. `ledgers` are by uid; one that is not there yet is read from the status."""
        specs, self._specs = self._specs, {}
        for raw in self._cache.all("Rollout"):
            status, uid = raw.get("status", {}), raw["metadata"]["uid"]
            if "stable" not in status or "candidate" not in status:
                continue
            generation = raw["metadata"].get("generation")
            known = specs.get(uid)
            self._specs[uid] = known = known if known and known[0] == generation else (generation, _spec(raw))
            if known[1] is not None:
                yield self._watched(raw, known[1], ledgers.get(uid))

    def _watched(self, raw: Object, spec: RolloutSpec, ledger: Ledger | None) -> Watched:
        namespace, status = raw["metadata"]["namespace"], raw["status"]
        templates = templates_of(self._cache, namespace, spec)
        judged = _judged(status, ledger)
        return Watched(
            (namespace, raw["metadata"]["name"]),
            {metric.name: source_of(metric, templates) for metric in spec.analysis.metrics},
            frozenset(status[arm]["revision"] for arm in ("stable", "candidate")),
            status["candidate"]["revision"],
            spec.analysis.prometheus or DEFAULT,
            since={name: memory.end for name, memory in judged.items()},
            bounds={metric.name: _bounds(metric, judged.get(metric.name)) for metric in spec.analysis.metrics},
        )


def _bounds(metric: Metric, judged: MetricLedger | None) -> tuple[float, ...]:
    """The bounds (s) that were counted before, and the one that the objective names."""
    absolute = metric.objective.absolute
    named = (seconds(absolute.max),) if absolute and absolute.max and absolute.quantile else ()
    return (*(judged.bounds if judged is not None else ()), *named)


def _spec(raw: Object) -> RolloutSpec | None:
    """None when it cannot be read; the reconcile says so in the status."""
    try:
        return RolloutSpec.model_validate(raw.get("spec", {}))
    except ValidationError:
        return None


def _judged(status: Object, ledger: Ledger | None) -> Mapping[str, MetricLedger]:
    """What is remembered of each metric; nothing before the first stage."""
    if ledger is None and "stage" in status:
        try:
            ledger = remembered(RolloutStatus.of(status), None)
        except ValidationError:
            return {}
    return {} if ledger is None else ledger.metrics
