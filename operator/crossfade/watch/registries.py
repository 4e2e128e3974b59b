"""One look at one ModelRegistry: gather, decide, write its status, and have the registry asked and told."""

from dataclasses import dataclass, replace

from crossfade.decide.registry import plan_registry
from crossfade.model.snapshot import RegistryFacts
from crossfade.observe.gather_registry import gather_registry
from crossfade.ports import MODEL_REGISTRIES, Clock, Object
from crossfade.status.conditions import conditions, registry_facts
from crossfade.status.patch import Statuses
from crossfade.watch.queue import Key
from crossfade.watch.registrar import Registrar
from crossfade.watch.world import World


@dataclass(frozen=True, slots=True)
class Registries:
    """Looks at ModelRegistries. Idempotent, and never waits for a registry."""

    world: World
    clock: Clock
    registrar: Registrar
    statuses: Statuses

    async def look(self, raw: Object) -> float | None:
        """Returns the seconds until the next look, None when only a change can matter. Raises ClusterError."""
        place = raw["metadata"]["namespace"], raw["metadata"]["name"]
        snapshot = gather_registry(self.world.cache, raw, self.registrar.result, self.registrar.began, self.clock.now())
        plan = plan_registry(replace(snapshot, unkept=self.statuses.unkept(MODEL_REGISTRIES, raw)))
        found = conditions(
            plan.situation, registry_facts(plan.said), snapshot.status.conditions, snapshot.generation, snapshot.now
        )
        status = plan.status.model_copy(update={"conditions": found, "observed_generation": snapshot.generation})
        await self.statuses.write(MODEL_REGISTRIES, raw, status)
        if snapshot.spec is not None:
            facts, key = RegistryFacts(place[1], snapshot.uid, snapshot.spec), Key("ModelRegistry", *place)
            self.registrar.request(place, facts, plan.deeds, lambda: self.world.queue.add(key), check=plan.check)
        return plan.look_again

    def forget(self, namespace: str, name: str) -> None:
        """It is gone."""
        self.registrar.forget((namespace, name))
