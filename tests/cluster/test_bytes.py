"""Catches a pod that serves other bytes than those that were resolved, if only one bit of them differs."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.endpoint import Endpoint, rolled_back, weights
from tests.support.operator_process import OperatorProcess
from tests.support.statuses import conditions

pytestmark = pytest.mark.cluster

MISMATCH_EXIT = 3


def digest_of(content: bytes) -> str:
    """The mvd1 digest of a model whose one file is model.json, by its definition."""
    entry = {"path": "model.json", "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return "sha256:" + hashlib.sha256(json.dumps([entry], separators=(",", ":")).encode()).hexdigest()


async def test_a_model_changed_by_one_bit_after_it_was_resolved_never_serves(
    endpoint: Endpoint, start_operator: Callable[..., OperatorProcess]
) -> None:
    start_operator(endpoint.namespace)
    await endpoint.model(1)
    await endpoint.model(2)
    stable = (await endpoint.serve(1))["status"]["stable"]["revision"]
    version = await endpoint.recorder.until("ModelVersion", "fraud-2", is_resolved, 30)
    stored = endpoint.files / endpoint.namespace / "2" / "model.json"
    promised = digest_of(stored.read_bytes())
    assert version["status"]["resolved"]["digest"] == promised
    stored.write_bytes(stored.read_bytes().replace(b"2.0.0", b"2.0.1"))
    await endpoint.ask(2)
    ended = await endpoint.until(rolled_back)

    outcome = ended["status"]["outcome"]
    assert outcome["cause"] == "DigestMismatch"
    assert promised in outcome["message"]
    assert digest_of(stored.read_bytes()) in outcome["message"]
    assert all(outcome["revision"] not in weights(route) for route in endpoint.recorder.of("HTTPRoute", "fraud"))
    pods = [pod for pod in endpoint.recorder.history if revision_of(pod) == outcome["revision"]]
    assert MISMATCH_EXIT in [exit_code(pod) for pod in pods]
    assert not any(conditions(pod).get("Ready", {}).get("status") == "True" for pod in pods)
    assert (await endpoint.infer()).headers["x-model-revision"] == stable


def is_resolved(found: dict[str, Any]) -> bool:
    return "resolved" in found.get("status", {})


def revision_of(found: dict[str, Any]) -> str:
    """The revision that a pod belongs to; nothing for other objects."""
    labels = found["metadata"].get("labels", {}) if found["kind"] == "Pod" else {}
    return str(labels.get("crossfade.dev/revision", ""))


def exit_code(pod: dict[str, Any]) -> int | None:
    """How the loader last ended."""
    for container in pod.get("status", {}).get("initContainerStatuses", ()):
        for state in ("state", "lastState"):
            if "terminated" in container.get(state, {}):
                return int(container[state]["terminated"]["exitCode"])
    return None
