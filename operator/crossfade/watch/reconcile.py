"""One look at one object: gather what is known, decide, write. Everything else in this package serves these lines."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

from crossfade.act.execute import (
    ActionError,
    KeptError,
    NoImageVolumesError,
    Replaced,
    UnservedError,
    execute,
)
from crossfade.api.conditions import ConditionType, Reason
from crossfade.api.v1alpha1 import RolloutStatus
from crossfade.decide.on_record import in_order, is_on_record
from crossfade.decide.plan import ROUTES, Action, Apply, Event, Plan, Situation, Standing, Target, Weigh
from crossfade.decide.rollout import plan_rollout
from crossfade.decide.version import plan_version
from crossfade.model.moments import moment
from crossfade.model.snapshot import Platform, Snapshot
from crossfade.observe.asker import Asker
from crossfade.observe.foreseer import Foreseer, Subject
from crossfade.observe.gather import UnreadableStatusError, gather_rollout, gather_version
from crossfade.observe.poller import Poller
from crossfade.observe.rehearser import Rehearser
from crossfade.observe.resolver import Resolver
from crossfade.observe.scout import Scout
from crossfade.ports import MODEL_VERSIONS, ROLLOUTS, Clock, Cluster, ClusterError, Object, StaleError
from crossfade.status.conditions import conditions, rollout_facts, version_facts
from crossfade.status.events import Events
from crossfade.status.patch import OutdatedError, Statuses
from crossfade.telemetry.metrics import (
    BREACH_TO_ROUTE_SECONDS,
    QUEUE_DEPTH,
    RECONCILE_SECONDS,
    RECONCILES,
    ROLLOUT_SECONDS,
    ROUTE_REPAIRS,
)
from crossfade.watch.queue import FIRST_BACKOFF_SECONDS, Key, Priority
from crossfade.watch.registries import Registries
from crossfade.watch.sourcing import Sourcing
from crossfade.watch.world import World

log = logging.getLogger(__name__)

_FAULT = Situation(
    Standing.IN_PROGRESS,
    Reason.PENDING,
    "the operator cannot look at this Rollout because of a fault of its own, so nothing moves; read the operator's log",
)
_ENTRIES = frozenset({*ROUTES, Target.SERVICE})
"""What a rollback writes: the route, or the Service that stands for it."""
_TRIES = 5
"""Each is in vain only if somebody annotates the Rollout between a read and the next write."""
_SUMMARY = frozenset({ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED})
"""The conditions that say how the last look went; the others hold until the next one that succeeds."""


@dataclass
class _Done:
    """What came of a plan: the actions that were done, those that were refused and held up nothing else, and whether
    its status was news, and is recorded."""

    actions: list[Action] = field(default_factory=list)
    refused: list[KeptError | Replaced] = field(default_factory=list)
    recorded: bool = False

    @property
    def kept(self) -> KeptError | None:
        """Why something could not be deleted, if so."""
        return next((one for one in self.refused if isinstance(one, KeptError)), None)

    @property
    def instead(self) -> tuple[Event, ...]:
        """What tells people of weights that were not written, and of what was done in their place."""
        told = (one.said for one in self.refused if isinstance(one, Replaced))
        return tuple(Event(Reason.ROUTE_REFUSED, why, warning=True) for why in told)

    def makes_true(self, event: Event) -> bool:
        """Whether the event may be told."""
        return self.recorded if event.by is None else any(one is event.by for one in self.actions)


class Reconciler:
    """Turns keys into writes. Idempotent: a look at a world that is as it should be writes nothing."""

    def __init__(
        self,
        world: World,
        cluster: Cluster,
        clock: Clock,
        platform: Platform,
        poller: Poller,
        resolver: Resolver,
        foreseer: Foreseer,
        scout: Scout,
        rehearser: Rehearser,
        events: Events,
        asker: Asker,
        registries: Registries,
        statuses: Statuses,
    ) -> None:
        self._world = world
        self._cluster = cluster
        self._clock = clock
        self._platform = platform
        self._poller = poller
        self._resolver = resolver
        self._foreseer = foreseer
        self._scout = scout
        self._rehearser = rehearser
        self._events = events
        self._statuses = statuses
        self._sourcing = Sourcing(world, cluster, clock, asker, events, statuses)
        self._registries = registries
        self._looks: Mapping[str, Callable[[Object], Awaitable[float | None]]] = {
            "Rollout": self._rollout,
            "ModelVersion": self._version,
            "ModelSource": self._sourcing.look,
            "ModelRegistry": registries.look,
        }

    async def reconcile(self, key: Key) -> float | None:
        """Look at one object. Returns the seconds until the next look, None when only a change can matter."""
        raw = self._world.cache.get(*key)
        if raw is None:
            self._forget(key)
            return None
        started, result = perf_counter(), "error"
        try:
            again = await self._looks[key.kind](raw)
            result = "ok"
        except OutdatedError as error:
            log.warning("%s; looked at again", error, extra={"key": "/".join(key)})
            again = 0.0
        except StaleError as error:
            log.info("%s; looked at again", error, extra={"key": "/".join(key)})
            again, result = 0.0, "ok"
        except (ClusterError, ActionError, UnreadableStatusError):
            raise
        except Exception:
            await self._say_fault(key)
            raise
        finally:
            RECONCILES.labels(kind=key.kind, result=result).inc()
            RECONCILE_SECONDS.labels(kind=key.kind).observe(perf_counter() - started)
            QUEUE_DEPTH.set(len(self._world.queue))
        return again

    def _forget(self, gone: Key) -> None:
        if gone.kind == "ModelVersion":
            self._resolver.forget((gone.namespace, gone.name))
        elif gone.kind == "ModelRegistry":
            self._registries.forget(gone.namespace, gone.name)
        elif gone.kind == "ModelSource":
            self._sourcing.forget(gone)

    async def _rollout(self, raw: Object) -> float | None:
        now = self._clock.now()
        world = self._world
        evidence, foresights = self._poller.evidence, self._foreseer.found
        snapshot = gather_rollout(
            world.cache,
            self._platform,
            evidence,
            world.ledgers,
            foresights,
            raw,
            now,
            self._scout,
            self._rehearser,
            world.claims,
        )
        snapshot = replace(snapshot, unkept=self._statuses.unkept(ROLLOUTS, raw))
        plan = plan_rollout(snapshot)
        world.remember(snapshot.rollout.uid, plan.ledger)
        self._foresee(snapshot, plan)
        done = _Done()
        try:
            await self._carry_out(snapshot, raw, plan, done)
        except ActionError as error:
            if isinstance(error, UnservedError):
                self._world.doubt(error.kind, goes=error.goes)
            if isinstance(error, KeptError) and plan.look_again is not None:  # all else goes on, at its own time
                self._world.queue.add(_key(raw), Priority.PERIODIC, max(plan.look_again, FIRST_BACKOFF_SECONDS))
            done.recorded = await self._say_why(raw, plan, error) or done.recorded
            await self._tell(raw, plan, done)
            raise
        except (ClusterError, OutdatedError, StaleError):
            await self._tell(raw, plan, done)
            raise
        await self._tell(raw, plan, done)
        return plan.look_again

    async def _carry_out(self, snapshot: Snapshot, raw: Object, plan: Plan, done: "_Done") -> None:
        """The plan's writes and its status, `in_order`; `done` is what came of it, also when this raises. What may not
        be deleted is told last, for it holds up nothing else."""

        async def execute_all(actions: Iterable[Action]) -> None:
            world, namespace, tick = self._world, snapshot.rollout.namespace, done.actions.append
            done.refused += await execute(self._cluster, namespace, actions, world.cache.get, world.wrote, tick)

        known = snapshot.rollout.status
        before, after = in_order(plan, known)
        if before:  # the status is refused where the record is not as it was seen, and with it what comes after
            await self._statuses.compare(ROLLOUTS, raw)
        await execute_all(before)
        self._time_rollback(snapshot, plan)
        if done.kept is None or not is_on_record(plan.status, known):
            done.recorded = await self._write(snapshot, raw, plan, plan.situation)
            _time_rollout(snapshot, plan, written=done.recorded)
        await execute_all(after)
        self._rehearse(snapshot, plan)
        if done.kept is not None:
            raise done.kept

    async def _tell(self, raw: Object, plan: Plan, done: "_Done") -> None:
        """Tell people what is so by now, and no more."""
        told = [*(event for event in plan.events if done.makes_true(event)), *done.instead]
        ROUTE_REPAIRS.inc(sum(event.reason is Reason.ROUTE_REPAIRED for event in told))
        await self._events.post(ROLLOUTS, raw, told, (*plan.events, *done.instead), self._clock.now())

    def _foresee(self, snapshot: Snapshot, plan: Plan) -> None:
        """Have the stable version's past read when the plan asks for it; forget it when it was made use of."""
        rollout, stable = snapshot.rollout, plan.status.stable
        if rollout.deleting or plan.status.candidate is None or plan.status.stage is not None:
            self._foreseer.forget(rollout.uid)
        elif plan.foresee and rollout.spec is not None and stable is not None:
            place = rollout.namespace, rollout.name
            subject = Subject(place, stable.revision, rollout.spec, snapshot.templates)
            key = Key("Rollout", *place)
            self._foreseer.request((rollout.uid, rollout.generation), subject, lambda: self._world.queue.add(key))

    def _rehearse(self, snapshot: Snapshot, plan: Plan) -> None:
        """Have Gateways read and new rules tried when the plan asks for it; forget it all with the candidate."""
        rollout = snapshot.rollout
        key = Key("Rollout", rollout.namespace, rollout.name)
        if plan.scout and rollout.spec is not None:
            self._scout.request(rollout.spec, rollout.namespace, lambda: self._world.queue.add(key))
        if rollout.deleting or plan.status.candidate is None:
            self._rehearser.forget(rollout.uid)
        self._rehearser.request(rollout.uid, plan.rehearse, lambda: self._world.queue.add(key))

    async def _version(self, raw: Object) -> float | None:
        now, uid, generation = self._clock.now(), raw["metadata"]["uid"], int(raw["metadata"]["generation"])
        place = raw["metadata"]["namespace"], raw["metadata"]["name"]
        world, tried = self._world, self._resolver.result(place, uid)
        snapshot = gather_version(world.cache, world.releases, self._platform, raw, tried, now)
        plan = plan_version(replace(snapshot, unkept=self._statuses.unkept(MODEL_VERSIONS, raw)))
        facts = version_facts(plan.status, plan.situation)
        found = conditions(plan.situation, facts, snapshot.status.conditions, generation, now)
        status = plan.status.model_copy(update={"conditions": found, "observed_generation": generation})
        written = await self._statuses.write(MODEL_VERSIONS, raw, status)
        if plan.resolve and snapshot.spec is not None:
            key = Key("ModelVersion", *place)
            self._resolver.request(place, uid, snapshot.spec, snapshot.registry, lambda: self._world.queue.add(key))
        elif not plan.keep:
            self._resolver.forget(place)
        await self._events.post(MODEL_VERSIONS, raw, plan.events if written else (), plan.events, now)
        return plan.look_again

    async def _write(self, snapshot: Snapshot, raw: Object, plan: Plan, situation: Situation) -> bool:
        """Record the plan's status, with conditions made of `situation`. Returns whether anything had to be written."""
        rollout = snapshot.rollout
        facts = rollout_facts(available=plan.available, proven=plan.proven)
        found = conditions(situation, facts, rollout.status.conditions, rollout.generation, snapshot.now)
        status = plan.status.model_copy(update={"conditions": found, "observed_generation": rollout.generation})
        for _ in range(_TRIES):
            raw = self._renewed(raw)
            try:
                return await self._statuses.write(ROLLOUTS, raw, status)
            except StaleError:
                if self._renewed(raw) is raw:
                    raise
        raise StaleError(f"Rollout {rollout.name} is changed faster than its status can be written")

    def _renewed(self, raw: Object) -> Object:
        """The Rollout by its newest version, where that has the record and the spec that were looked at: our own
        finalizer is another version too, and for an annotation a rollback that is written must not stay untold."""
        known = self._world.cache.get("Rollout", raw["metadata"]["namespace"], raw["metadata"]["name"])
        return known if known is not None and _meant(known) == _meant(raw) else raw

    async def _say_why(self, raw: Object, plan: Plan, error: ActionError) -> bool:
        """Show a refused write in the status. The facts there stay what they were, but for what was seen: nothing else
        has changed. Returns whether that was news of what the plan means: its events are, then, too."""
        current = self._world.cache.get(*_key(raw))
        if current is None:
            return False
        stuck = _stuck(plan.situation, error)
        snapshot = gather_rollout(self._world.cache, self._platform, {}, {}, {}, current, self._clock.now())
        known = snapshot.rollout.status
        meant = is_on_record(plan.status, known)
        try:
            written = await self._write(snapshot, current, replace(plan, status=plan.status if meant else known), stuck)
        except (ClusterError, OutdatedError, StaleError) as failure:
            log.warning("the refusal cannot be shown in the status either: %s", failure)
            return False
        return meant and written

    async def _say_fault(self, key: Key) -> None:
        """Show in a Rollout's status that looking at it failed. Only the log has the details, which may be secret."""
        raw = self._world.cache.get(*key)
        if raw is None or key.kind != "Rollout":
            return
        try:
            before = RolloutStatus.model_validate(raw.get("status", {}))
            found = conditions(_FAULT, (), before.conditions, int(raw["metadata"]["generation"]), self._clock.now())
            kept = [condition for condition in before.conditions if condition.type not in _SUMMARY]
            await self._statuses.write(ROLLOUTS, raw, before.model_copy(update={"conditions": [*found, *kept]}))
        except Exception as failure:
            log.warning("the fault cannot be shown in the status either: %s", type(failure).__name__)

    def _time_rollback(self, snapshot: Snapshot, plan: Plan) -> None:
        moved = any(
            isinstance(action, Weigh) or (isinstance(action, Apply) and action.target in _ENTRIES)
            for action in plan.first
        )
        if moved and plan.situation.reason is Reason.ROLLED_BACK and snapshot.evidence is not None:
            BREACH_TO_ROUTE_SECONDS.observe(max(self._clock.now() - snapshot.evidence.read_at, 0.0))


def _key(raw: Object) -> Key:
    return Key("Rollout", raw["metadata"]["namespace"], raw["metadata"]["name"])


def _meant(raw: Object) -> tuple[Any, ...]:
    """What a status is of. An order that comes meanwhile brings a look by itself, and is answered then."""
    return raw["metadata"]["uid"], raw["metadata"]["generation"], raw.get("status")


def _stuck(said: Situation, error: ActionError) -> Situation:
    """How a refused write is told. A standstill is none the less one because of it; and is one where only people can
    help."""
    if isinstance(error, NoImageVolumesError):
        return Situation(Standing.FAILED, Reason.IMAGE_VOLUMES_MISSING, str(error))
    standing = Standing.FAILED if said.standing is Standing.FAILED else Standing.IN_PROGRESS
    return Situation(standing, said.reason, str(error))


def _time_rollout(snapshot: Snapshot, plan: Plan, *, written: bool) -> None:
    """Count how long a rollout took whose end has just been recorded."""
    end = plan.status.outcome
    if written and end is not None and end.began is not None and end != snapshot.rollout.status.outcome:
        ROLLOUT_SECONDS.labels(result=end.result).observe(moment(end.at) - moment(end.began))
