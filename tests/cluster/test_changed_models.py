"""Catches a pod that serves although somebody changed, added, renamed or exchanged files of its model after it was
resolved."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from testbed.address import HOST
from testbed.bed import Bed
from tests.contract.changed_models import CHANGES, PLACES, Place, files, in_mlflow
from tests.support import objects
from tests.support.endpoint import Endpoint
from tests.support.operator_process import OperatorProcess
from tests.support.verified import assert_hidden, is_resolved, never_serves

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture(params=["MLflow", *PLACES])
def place(request: pytest.FixtureRequest, bed: Bed, mlflow_url: str, tmp_path: Path) -> Iterator[Place]:
    """Each registry in turn, on the bed's network."""
    (tmp_path / "registry").mkdir()
    with ExitStack() as stack:
        made = PLACES.get(request.param)
        yield stack.enter_context(made(tmp_path / "registry", HOST) if made else in_mlflow(mlflow_url))


async def test_a_model_that_was_changed_never_serves(
    endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], place: Place
) -> None:
    operator = start_operator(endpoint.namespace)
    await endpoint.create(objects.model_registry("models", **place.system))
    await endpoint.create(objects.secret("models", place.secret))
    places = {}
    for number in range(1, len(CHANGES) + 2):
        source = {**place.keep(number), "registryRef": {"name": "models"}}
        await endpoint.create(objects.model_version(f"fraud-{number}", f"{number}.0.0", source))
        found = await endpoint.recorder.until("ModelVersion", f"fraud-{number}", is_resolved)
        places[number] = found["status"]["resolved"]["immutableUri"]
    stable = (await endpoint.serve(1))["status"]["stable"]["revision"]
    for number, change in enumerate(CHANGES, 2):
        place.change(places[number], files(number), change(files(number)))
        await never_serves(endpoint, number, stable)
    secrets = (place.secret.get(key) for key in ("password", "secretAccessKey", "token"))
    assert_hidden(endpoint, operator, *filter(None, secrets))
