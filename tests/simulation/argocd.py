"""A rollout as Argo CD shows it: each status is read by the script that is shipped, and by kstatus."""

from typing import Any

from crossfade.api.meta import API_VERSION

from tests.simulation.world import NAME, World
from tests.support.kstatus import kstatus
from tests.support.looks import HEALTHY, MEANS, expected, health

Object = dict[str, Any]


def stored(world: World) -> Object:
    """The Rollout as the API server has it."""
    notes = {
        f"crossfade.dev/{verb}{part}": said
        for verb, order in world.orders.items()
        for part, said in (("", order.token), ("-by", order.by), ("-reason", order.reason))
        if said
    }
    metadata = {"name": NAME, "namespace": "ml", "uid": world.uid, "generation": world.generation}
    return {
        "apiVersion": API_VERSION,
        "kind": "Rollout",
        "metadata": metadata | ({"annotations": notes} if notes else {}),
        "spec": world.spec,
        "status": world.status.to_json(),
    }


def accepts(world: World) -> bool:
    """Whether a rollout that is under way is to count as done."""
    return world.spec.get("readyWhen") == "Accepted" and world.status.candidate is not None


class Shown:
    """What is shown of a rollout, look after look; `see` is a check of a world."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], None] = {}
        self.wrong: list[str] = []

    def see(self, world: World) -> None:
        """Read the status, unless one of the same reason and standing was."""
        ready = next(one for one in world.status.conditions if one.type == "Ready")
        gist = (ready.reason, ready.status, *(one.type for one in world.status.conditions))
        if gist in self._known:
            return
        self._known[gist] = None
        found = stored(world)
        said, theirs = health(found), kstatus(found)
        wanted = {HEALTHY} if ready.status == "True" and accepts(world) else expected(ready.reason)
        if said["status"] not in wanted & MEANS[theirs]:
            self.wrong.append(f"{ready.reason} is {said['status']} in Argo CD, {theirs} to kstatus: {ready.message}")
        assert said["message"] == f"{ready.reason}: {ready.message}"
