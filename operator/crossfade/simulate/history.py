"""The service before the rollout: hours of its stable pods alone."""

from collections.abc import Mapping, Sequence

from crossfade.decide.judge.rules import Kind
from crossfade.model.ledger import Window
from crossfade.simulate.counts import Arm, World, generator, pods_of
from crossfade.simulate.service import Service

_HOURS = 3


def drawn_past(
    service: Service, kinds: Sequence[tuple[str, Kind]], seed: int, at: int
) -> Mapping[str, Sequence[Window]]:
    """Its windows by metric. Every block of runs has a past of its own, drawn by the service's own laws."""
    world = World(service, 1, generator(seed, at, 3))
    arm = Arm(service, 1, service.pods.stable, generator(seed, at, 4))
    seen: dict[str, list[Window]] = {name: [] for name, _ in kinds}
    for number in range(round(_HOURS * 3600 / service.step)):
        rps, errors = world.at(number * service.step)
        total, bad = arm.counts(rps * service.step, errors, kinds, 1.0)
        end = (number + 1) * service.step
        for name, kind in kinds:
            if kind != "gauge":
                pods = pods_of("stable", total[0].tolist(), bad[name][0].tolist())
                seen[name].append(Window(end, pods, (), service.bounds(kind)))
    return {name: windows for name, windows in seen.items() if windows}
