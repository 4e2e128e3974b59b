"""Would catch a refusal about one model that holds up another, and a registry that is away and asked on and on."""

import pytest
from crossfade.act.record import Recorded, record
from crossfade.model.writing import Deed, Point, Release
from crossfade.ports import RefusedError, SourceError


class Registry:
    """The WriteBack port: fails for models as `failures` says; `asked` lists all deeds."""

    def __init__(self, **failures: SourceError) -> None:
        self.failures = failures
        self.asked: list[Deed] = []

    async def record(self, deed: Deed) -> None:
        """See ports.WriteBack."""
        self.asked.append(deed)
        if deed.model in self.failures:
            raise self.failures[deed.model]


def point(model: str, role: str = "champion") -> Point:
    return Point(model, "champion", role, "1")


async def test_a_refusal_spares_the_same_of_its_model_and_nothing_else() -> None:
    registry, told = Registry(a=RefusedError("no")), Recorded()
    over = Release("a", "challenger", "challenger", "2")
    await record(registry, [point("a"), point("a", "live"), over, point("b")], told)
    assert registry.asked == [point("a"), over, point("b")]
    assert told.done == [point("b")]
    assert told.refused == dict.fromkeys([point("a"), point("a", "live"), over], "no")


async def test_a_registry_that_is_away_is_left_alone_and_what_was_done_is_known() -> None:
    registry, told = Registry(b=SourceError("away", wait=7.0)), Recorded()
    with pytest.raises(SourceError, match="away"):
        await record(registry, [point("a"), point("b"), point("c")], told)
    assert registry.asked == [point("a"), point("b")]
    assert told == Recorded([point("a")], under_way=point("b"))
