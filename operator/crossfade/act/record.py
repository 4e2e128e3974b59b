"""Tells a registry what it is to be told: one thing at a time, so that each is acknowledged or not."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from crossfade.model.writing import Deed
from crossfade.ports import RefusedError, WriteBack


@dataclass(slots=True)
class Recorded:
    """What was acknowledged so far, and why what was refused is not to be; also what was spared because of the like.
    `under_way` was begun, and whether it was taken is not known."""

    done: list[Deed] = field(default_factory=list)
    refused: dict[Deed, str] = field(default_factory=dict)
    under_way: Deed | None = None


async def record(registry: WriteBack, deeds: Iterable[Deed], told: Recorded) -> None:
    """Try all, and note in `told` what comes of each. A refusal spares the same of its model. Raises SourceError where
    the registry is to be left alone with the rest."""
    spared: dict[tuple[str, type[Deed]], str] = {}
    for deed in deeds:
        like_it = (deed.model, type(deed))
        if like_it not in spared:
            told.under_way = deed
            try:
                await registry.record(deed)
            except RefusedError as failure:
                spared[like_it] = str(failure)
            else:
                told.done.append(deed)
            told.under_way = None
        if like_it in spared:
            told.refused[deed] = spared[like_it]
