"""Tells a registry what it is to be told: one thing at a time, so that each is acknowledged or not."""

from collections.abc import Iterable
from dataclasses import dataclass

from crossfade.model.writing import Deed
from crossfade.ports import RefusedError, SourceError, WriteBack


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was acknowledged, why something was refused (the first time), and what ended it before all was tried."""

    done: tuple[Deed, ...] = ()
    refused: str = ""
    failure: SourceError | None = None


async def record(registry: WriteBack, deeds: Iterable[Deed]) -> Recorded:
    """Try all. A refusal spares the same of its model, a failure the registry. Raises nothing but faults of ours."""
    done: list[Deed] = []
    refused, spared = "", set[tuple[str, type[Deed]]]()
    for deed in deeds:
        like_it = (deed.model, type(deed))
        if like_it in spared:
            continue
        try:
            await registry.record(deed)
        except RefusedError as failure:
            refused = refused or str(failure)
            spared.add(like_it)
        except SourceError as failure:
            return Recorded(tuple(done), refused, failure)
        else:
            done.append(deed)
    return Recorded(tuple(done), refused)
