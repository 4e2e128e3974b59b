"""Would catch a registry of a tenant's that keeps the operator from everything else by how many versions it lists."""

from collections.abc import Sequence
from time import process_time
from typing import Any

import pytest
from crossfade.adapters import gto
from crossfade.adapters.dvc_store import DvcStore
from crossfade.adapters.git_models import GitModels
from crossfade.adapters.git_server import GitServer
from crossfade.adapters.git_wire import Ref
from crossfade.adapters.hub_server import HubServer
from crossfade.adapters.registries.git import GitRegistry
from crossfade.adapters.registries.hugging_face import HuggingFaceRegistry
from crossfade.adapters.web import Guard, next_page
from crossfade.api.v1alpha1 import ModelSourceSpec
from crossfade.model.access import Access
from crossfade.ports import MOST_LISTED, Catalogue, SourceError

GIT = Access("git", "https://git.example.com/models.git")
HUB = Access("huggingFace", "https://hub.example.com")
ONCE = 1.0
"""Seconds of a processor that are too many by far."""


def spec(**followed: Any) -> ModelSourceSpec:
    told = {"registryRef": {"name": "r"}, "template": {"modelName": "m"}}
    return ModelSourceSpec.model_validate(told | followed)


class Tags(GitServer):
    """A repository with so many tags."""

    def __init__(self, many: int) -> None:
        super().__init__(GIT)
        self._many = many

    async def refs(self, prefixes: Sequence[str]) -> list[Ref]:
        return [Ref(f"refs/tags/v1.0.{number}", "0" * 40) for number in range(self._many)]


class HubTags(HubServer):
    """A Hub whose models have so many tags."""

    def __init__(self, many: int) -> None:
        super().__init__(HUB)
        self._many = many

    async def model(self, *_: Any) -> dict[str, Any]:
        return {"tags": [{"name": f"v1.0.{number}"} for number in range(self._many)]}


def registries(many: int) -> list[tuple[Catalogue, ModelSourceSpec]]:
    git = GitRegistry(GitModels(Tags(many), DvcStore(GIT, Guard(), 30.0), None))
    hub = HuggingFaceRegistry(HubTags(many))
    return [
        (git, spec(git={"path": "m", "semver": "^1"})),
        (hub, spec(huggingFace={"repo": "a/b", "semver": "^1"})),
    ]


async def test_more_tags_than_are_read_are_refused_and_none_is_passed_over() -> None:
    for registry, asked in registries(MOST_LISTED + 1):
        with pytest.raises(SourceError, match=f"has more than {MOST_LISTED} tags.*; remove old ones"):
            await registry.versions(asked)


async def test_of_as_many_as_are_read_one_can_be_chosen() -> None:
    for registry, asked in registries(MOST_LISTED):
        found = await registry.versions(asked)
        assert len(found.names) == MOST_LISTED
        source = found.source("v1.0.7")
        assert source.registry_ref == asked.registry_ref
        assert (source.git or source.hugging_face).revision == "v1.0.7"  # type: ignore[union-attr]


def test_a_link_that_is_none_takes_no_time() -> None:
    began = process_time()
    assert next_page("<" * 60_000) is None
    assert process_time() - began < ONCE


def test_thousands_of_versions_of_gto_are_each_looked_at_once() -> None:
    events = [gto.Event(f"m@v1.0.{number}", f"{number:040x}", number, f"v1.0.{number}") for number in range(6000)]
    events += [
        gto.Event(f"m@v2.0.0#{number}", f"{number:040x}", number, "v2.0.0", number=number) for number in range(6000)
    ]
    back = gto.Event("m@v1.0.7!", f"{7:040x}", 9000, "v1.0.7", cancels=True)
    began = process_time()
    found = gto.versions([*events, back])
    assert process_time() - began < ONCE
    assert set(found) == {event.version for event in events} - {"v1.0.7"}
