"""Catches bytes that get to a pod although somebody changed, added, renamed or exchanged files of the model since."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from crossfade.api.v1alpha1 import ModelRegistrySpec
from crossfade.api.v1alpha1.modelversion import Source
from crossfade.model.access import Access, Secrets
from crossfade.model.snapshot import RegistryFacts
from crossfade.observe.credentials import recorded
from crossfade.observe.verify import DigestMismatch, fetch

from tests.contract.changed_models import CHANGES, PLACES, Place, files, in_mlflow
from tests.contract.registry_contract import digest, opened, resolve


async def never_loads(place: Place, folder: Path) -> None:
    """After any of the changes."""
    told = recorded(RegistryFacts("r", "u", ModelRegistrySpec.model_validate(place.system)))
    access = Access(told.system, told.address, tuple(sorted(told.options.items())), Secrets(place.secret))
    for number, change in enumerate(CHANGES, 1):
        source = Source.model_validate({**place.keep(number), "registryRef": {"name": "r"}})
        uri = (await resolve(access, source)).immutable_uri
        async with opened(access) as found:
            promised = await digest(access, await resolve(access, source))
            loaded = await fetch(found.artifacts, uri, promised, folder / f"{number}-before")
        assert loaded.files == len(files(number))
        place.change(uri, files(number), change(files(number)))
        async with opened(access) as found:
            with pytest.raises(DigestMismatch):
                await fetch(found.artifacts, uri, promised, folder / str(number))
        assert list((folder / str(number)).iterdir()) == [], change.__name__


@pytest.fixture(params=["Hub", *(pytest.param(name, marks=pytest.mark.slow) for name in PLACES if name != "Hub")])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each registry in turn."""
    (tmp_path / "registry").mkdir()
    with PLACES[request.param](tmp_path / "registry", "127.0.0.1") as made:
        yield made


async def test_a_model_that_was_changed_never_loads(place: Place, tmp_path: Path) -> None:
    await never_loads(place, tmp_path / "to")


@pytest.mark.slow
@pytest.mark.cluster
async def test_a_model_that_was_changed_in_mlflow_never_loads(mlflow_url: str, tmp_path: Path) -> None:
    with in_mlflow(mlflow_url) as place:
        await never_loads(place, tmp_path / "to")
