"""Catches a model that gets a pod although the operator's configuration, or its own ModelVersion, keeps it out."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from testbed.bed import Bed
from tests.support import objects
from tests.support.endpoint import Endpoint, ready
from tests.support.operator_process import OperatorProcess
from tests.support.recorder import Object
from tests.support.statuses import conditions

pytestmark = pytest.mark.cluster

CONFIGURED = {"CROSSFADE_ALLOWED_NETWORKS": "192.168.0.0/16", "CROSSFADE_PICKLE_POLICY": "KnownOnly"}


class Shell:
    """Runs something when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("loaded",)


def stored(endpoint: Endpoint, name: str, model: object) -> Object:
    """The source of a model that is one pickle."""
    folder = endpoint.files / endpoint.namespace / name
    folder.mkdir(parents=True)
    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    return {"uri": {"uri": f"file://{folder}"}}


def is_refused(found: Object) -> bool:
    return ready(found)[1] in ("PickleRefused", "WaitingForRegistry")


def waits(found: Object) -> bool:
    return ready(found)[1] == "WaitingForModelVersion"


async def test_what_is_not_allowed_is_said_and_no_pod_is_started(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess]
) -> None:
    unsafe = objects.model_version("fraud-1", "1.0.0", stored(endpoint, "unsafe", Shell()))
    strict = objects.model_version("fraud-2", "2.0.0", stored(endpoint, "strict", {"weights": 1.0}))
    strict["spec"]["policy"] = {"pickle": "Forbid"}
    private = objects.model_version("fraud-3", "3.0.0", {"uri": {"uri": f"{bed.prometheus}/metrics"}})
    private["spec"]["artifact"] = {"digest": f"sha256:{'0' * 64}"}
    start_operator(endpoint.namespace, environment=CONFIGURED)
    told = {}
    for version in (unsafe, strict, private):
        await endpoint.create(version)
        name = version["metadata"]["name"]
        await endpoint.create(objects.rollout(f"of-{name}", name, f"{name}.{endpoint.host}", endpoint.parent))
        found = await endpoint.recorder.until("ModelVersion", name, is_refused)
        told[name] = ready(found)[1], conditions(found)["Ready"]["message"]
        await endpoint.recorder.until("Rollout", f"of-{name}", waits)
    assert [reason for reason, _ in told.values()] == ["PickleRefused", "PickleRefused", "WaitingForRegistry"]
    assert "'model.pkl' would import builtins.print" in told["fraud-1"][1]
    assert "the operator's configuration accepts no `spec.policy.pickle` weaker than `KnownOnly`" in told["fraud-1"][1]
    assert "`spec.policy.pickle` is `Forbid`" in told["fraud-2"][1]
    assert "leads to 10.77.0.1, where models must not come from (private, 10.0.0.0/8)" in told["fraud-3"][1]
    assert [one["kind"] for one in endpoint.recorder.history if one["kind"] in ("Deployment", "Pod")] == []
