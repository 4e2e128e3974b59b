"""One look at one ModelSource: gather what is known, decide, make and move, record, ask."""

import logging
from dataclasses import replace
from http import HTTPStatus

from crossfade.act.moving import OwnedError, move_rollout
from crossfade.decide.sourcing import SourcePlan, not_moved, not_written, plan_source
from crossfade.model.sourcing import SourceSnapshot
from crossfade.observe.asker import Asker, Question
from crossfade.observe.gather_source import gather_source
from crossfade.ports import MODEL_SOURCES, MODEL_VERSIONS, Clock, Cluster, ClusterError, Object, StaleError
from crossfade.status.conditions import conditions
from crossfade.status.events import Events
from crossfade.status.patch import Statuses
from crossfade.telemetry.metrics import WRITES
from crossfade.watch.queue import Key
from crossfade.watch.world import World

log = logging.getLogger(__name__)

_SOON_SECONDS = 1.0
_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY)
"""The API server's no, which is as good as a sentence of ours; all else is tried again at once."""


class Sourcing:
    """Looks at ModelSources."""

    def __init__(
        self, world: World, cluster: Cluster, clock: Clock, asker: Asker, events: Events, statuses: Statuses
    ) -> None:
        self._world = world
        self._cluster = cluster
        self._clock = clock
        self._asker = asker
        self._events = events
        self._statuses = statuses

    def forget(self, key: Key) -> None:
        """The ModelSource is gone."""
        self._asker.forget((key.namespace, key.name))

    async def look(self, raw: Object) -> float | None:
        """Returns the seconds until the next look, None when only a change can matter. Raises ClusterError."""
        metadata, now = raw["metadata"], self._clock.now()
        key = Key("ModelSource", metadata["namespace"], metadata["name"])
        answer = self._asker.answer((key.namespace, key.name), metadata["uid"])
        snapshot = gather_source(self._world.cache, raw, answer, now, self._asker.began)
        plan = plan_source(replace(snapshot, unkept=self._statuses.unkept(MODEL_SOURCES, raw)))
        try:
            if plan.make is not None or plan.move is not None:
                await self._statuses.compare(MODEL_SOURCES, raw)
            plan = await self._moved(await self._made(plan))
        except StaleError as error:
            log.info("%s; looked at again", error, extra={"namespace": key.namespace})
            return _SOON_SECONDS
        written = await self._record(raw, snapshot, plan)
        self._ask(key, snapshot, plan)
        await self._events.post(MODEL_SOURCES, raw, plan.events if written else (), plan.events, now)
        return _soon(plan.look_again) if _names_another(snapshot, plan) else plan.look_again

    async def _made(self, plan: SourcePlan) -> SourcePlan:
        if plan.make is None:
            return plan
        try:
            stored = await self._cluster.make(MODEL_VERSIONS, plan.make)
        except ClusterError as error:
            if error.status == HTTPStatus.CONFLICT:  # somebody made it, and the cache will have it
                raise StaleError(f"ModelVersion {plan.make['metadata']['name']} was made just now") from error
            if error.status not in _REFUSED:
                raise
            log.warning("a ModelVersion was not made: %s", error)
            return not_written(plan, str(error))
        WRITES.labels(kind=MODEL_VERSIONS.kind).inc()
        self._world.absorb(stored)
        return plan

    async def _moved(self, plan: SourcePlan) -> SourcePlan:
        if plan.move is None:
            return plan
        try:
            stored = await move_rollout(self._cluster, plan.move)
        except OwnedError as error:
            return not_moved(plan, plan.move, error.managers)
        except ClusterError as error:
            if error.status not in _REFUSED:
                raise
            log.warning("a Rollout was not moved: %s", error)
            return not_written(plan, str(error))
        self._world.absorb(stored)
        return plan

    async def _record(self, raw: Object, snapshot: SourceSnapshot, plan: SourcePlan) -> bool:
        found = conditions(plan.situation, (), snapshot.status.conditions, snapshot.generation, snapshot.now)
        status = plan.status.model_copy(update={"conditions": found, "observed_generation": snapshot.generation})
        return await self._statuses.write(MODEL_SOURCES, raw, status)

    def _ask(self, key: Key, snapshot: SourceSnapshot, plan: SourcePlan) -> None:
        if plan.ask and snapshot.spec is not None:
            question = Question(snapshot.uid, snapshot.generation, snapshot.spec, snapshot.registry)
            self._asker.ask((key.namespace, key.name), question, lambda: self._world.queue.add(key))


def _names_another(snapshot: SourceSnapshot, plan: SourcePlan) -> bool:
    """Whether the status names another ModelVersion from now on, of which a change may just have woken nobody."""
    before, now = snapshot.status.observed, plan.status.observed
    return now is not None and (before is None or before.model_version != now.model_version)


def _soon(seconds: float | None) -> float:
    return _SOON_SECONDS if seconds is None else min(seconds, _SOON_SECONDS)
