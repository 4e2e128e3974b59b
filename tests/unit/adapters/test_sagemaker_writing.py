"""Would catch one model package that somebody else changes, and that holds up all others of its registry."""

from collections.abc import Mapping
from typing import Any, cast

import pytest
from crossfade.adapters.registries.sagemaker_writing import SageMakerWriting
from crossfade.adapters.sagemaker_server import SageMakerError, SageMakerServer
from crossfade.model.writing import Approve
from crossfade.ports import RefusedError

DEED = Approve("group", "7", "arn:aws:sagemaker:x:1:model-package/group/7", True, "good", "f", "2026-01-01T00:00:00Z")


class Contested:
    """A package that somebody else changes whenever it is written."""

    shown = "http://sagemaker"

    async def call(self, operation: str, told: Mapping[str, Any]) -> dict[str, Any]:
        if operation == "UpdateModelPackage":
            raise SageMakerError("SageMaker refused it with 400 ConflictException", 400, "ConflictException")
        return {"ModelApprovalStatus": "PendingManualApproval"}


async def test_a_conflict_is_about_one_package() -> None:
    writing = SageMakerWriting(cast("SageMakerServer", Contested()))
    with pytest.raises(RefusedError, match=r"ConflictException: somebody else changes the model package arn:.*/7"):
        await writing.record(DEED)
