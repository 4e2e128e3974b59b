"""What the suites share whose registries are told of rollouts: telling as the operator does it."""

import traceback

import pytest
from crossfade.api.v1alpha1.modelversion import Source
from crossfade.model.access import Access
from crossfade.model.registered import model_named
from crossfade.model.writing import Deed, Registered
from crossfade.ports import SourceError, WriteBack

from tests.contract.registry_contract import opened, resolve

AT = "2026-01-01T00:00:00Z"
RECORD = {
    "outcome": "FastPromoted",
    "reason": "StagesPassed: é, it was good",
    "rollout": "ml/fraud",
    "evidence": "ml/fraud/fraud-2",
    "at": "2026-01-01T00:00:05.000000Z",
    "digest": "sha256:" + "5e" * 32,
    "link": "https://grafana.example.com/d/rollouts?var-rollout=fraud&to=2026-01-01T00%3A00%3A05Z",
}


async def named(access: Access, source: Source) -> Registered:
    """The version by the names that the operator tells the registry."""
    reference = await resolve(access, source)
    model = model_named(access.system, reference.uri)
    assert model is not None
    assert reference.registry_version is not None
    return Registered(model, reference.registry_version, "", reference.uri)


async def tell(access: Access, *deeds: Deed) -> None:
    """As the operator does it."""
    async with opened(access) as found:
        registry = found.registry
        assert isinstance(registry, WriteBack)
        for deed in deeds:
            await registry.record(deed)


async def refused(access: Access, deed: Deed, *canaries: str) -> SourceError:
    """How telling ends, with no secret in it."""
    with pytest.raises(SourceError) as failure:
        await tell(access, deed)
    shown = "".join(traceback.format_exception(failure.value)) + repr(failure.value)
    assert [secret for secret in canaries if secret in shown] == []
    return failure.value
