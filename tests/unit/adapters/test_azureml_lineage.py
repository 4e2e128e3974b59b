"""Catches a model that cannot be resolved because of the job that made it, and lineage that is lost in a bad moment."""

import pytest
from crossfade.adapters.registries.azureml import AzureMlRegistry
from crossfade.ports import SourceError

from tests.support.azure_ml import Said, json_said
from tests.unit.adapters.azureml_here import FOLDER, WORKSPACE, asked, azure_here, server

Json = dict[str, object]
REFUSED: Json = {"error": {"code": "UserError"}}


async def lineage_of(job: Said) -> tuple[str | None, str | None]:
    """Of a model that a job made, where Azure says this of the job: its run and what it ran."""
    with azure_here() as azure:
        azure.register(WORKSPACE, "m", "1", FOLDER, jobName="j")
        azure.instead["/jobs/"] = lambda *_: job
        one = server(azure)
        try:
            found = (await AzureMlRegistry(one).resolve(asked("m"))).facts
        finally:
            await one.close()
    assert found is not None
    assert found.lineage is not None
    return found.lineage.run_id, found.lineage.source


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 422])
async def test_a_job_that_azure_does_not_tell_is_left_out(status: int) -> None:
    assert await lineage_of(json_said(status, REFUSED)) == ("j", None)


async def test_a_job_that_is_larger_than_anybody_reads_is_left_out() -> None:
    large = json_said(200, {"properties": {"command": "python train.py", "x": "y" * (5 << 20)}})
    assert await lineage_of(large) == ("j", None)


async def test_a_job_that_cannot_be_understood_is_left_out() -> None:
    assert await lineage_of(Said(200, b"<html>")) == ("j", None)


@pytest.mark.parametrize("status", [401, 408, 429, 500, 503])
async def test_a_job_that_another_time_may_tell_is_waited_for(status: int) -> None:
    with pytest.raises(SourceError, match=str(status)):
        await lineage_of(json_said(status, REFUSED))


async def test_a_job_that_is_told_is_kept() -> None:
    assert await lineage_of(json_said(200, {"properties": {"command": "python train.py"}})) == ("j", "python train.py")
