"""Catches a pod that serves other bytes than those that were resolved, if only one bit of them differs."""

import hashlib
import json
from collections.abc import Callable

import pytest

from tests.support.endpoint import Endpoint
from tests.support.operator_process import OperatorProcess
from tests.support.verified import is_resolved, never_serves

pytestmark = pytest.mark.cluster


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
    version = await endpoint.recorder.until("ModelVersion", "fraud-2", is_resolved)
    stored = endpoint.files / endpoint.namespace / "2" / "model.json"
    promised = digest_of(stored.read_bytes())
    assert version["status"]["resolved"]["digest"] == promised
    stored.write_bytes(stored.read_bytes().replace(b"2.0.0", b"2.0.1"))
    outcome = await never_serves(endpoint, 2, stable)
    assert promised in outcome["message"]
    assert digest_of(stored.read_bytes()) in outcome["message"]
