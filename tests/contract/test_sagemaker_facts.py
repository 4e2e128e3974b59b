"""Catches what a model package says of its model and nobody is told, or is told wrongly for ever."""

from datetime import datetime

import pytest
from crossfade.model.moments import stamp
from crossfade.ports import SourceError

from tests.contract.registry_contract import resolve
from tests.contract.sagemaker_bench import IMAGE, Group, by_arn, way_in
from tests.contract.store_bench import S3Bench
from tests.support.faults import proxy, refusing


@pytest.fixture(scope="module")
def bench(users_of_s3: S3Bench) -> S3Bench:
    """moto, with users whose signatures it checks."""
    return users_of_s3


@pytest.fixture
def group(bench: S3Bench) -> Group:
    """An empty one."""
    return Group(bench)


async def test_what_the_package_says_of_the_model_is_known(bench: S3Bench, group: Group) -> None:
    bench.put(
        f"{group.name}/evaluation.json",
        b'{"binary_classification_metrics": {"auc": {"value": 0.93}}, "f1": 1, "x": []}',
    )
    quality = {"Statistics": {"ContentType": "application/json", "S3Uri": f"s3://models/{group.name}/evaluation.json"}}
    made = {
        "CommitId": "a" * 40,
        "Repository": "https://user:secret@git.example.com/risk/fraud",
        "GeneratedBy": "job-1",
    }
    arn = group.register(
        container={"ModelDataUrl": group.put(1), "Framework": "XGBOOST"},
        MetadataProperties={**made, "ProjectId": "p-1"},
        ModelMetrics={"ModelQuality": quality},
        CustomerMetadataProperties={"team": "risk"},
        Domain="MACHINE_LEARNING",
    )
    theirs = bench.do("sagemaker", "describe_model_package", ModelPackageName=arn)["CreationTime"]
    facts = (await resolve(way_in(bench, bench.url), by_arn(arn))).facts
    assert facts is not None
    assert facts.to_json() == {
        "lineage": {
            "origin": "Registry",
            "runId": "job-1",
            "gitCommit": "a" * 40,
            "gitRepository": "https://git.example.com/risk/fraud",
            "datasets": [],
            "parameters": {},
        },
        "provenance": {
            "origin": "Registry",
            "createdBy": "fake-user-profile-name",
            "createdAt": stamp(datetime.fromisoformat(theirs).timestamp()),
            "attestations": [],
        },
        "evaluation": {
            "origin": "Registry",
            "scores": [{"metric": "auc", "value": "0.93"}, {"metric": "f1", "value": "1"}],
        },
        "tags": {
            "origin": "Registry",
            "values": {
                "team": "risk",
                "ModelApprovalStatus": "Approved",
                "Domain": "MACHINE_LEARNING",
                "ProjectId": "p-1",
                "ContentTypes": "application/json, text/csv",
                "ResponseTypes": "application/json",
                "Framework": "XGBOOST",
                "Image": IMAGE,
            },
        },
    }


@pytest.mark.parametrize("content", [b"[]", b"{", b"x" * (300 << 10), None])
async def test_metrics_that_cannot_be_read_are_left_out(bench: S3Bench, group: Group, content: bytes | None) -> None:
    if content is not None:
        bench.put(f"{group.name}/evaluation.json", content)
    quality = {"Statistics": {"ContentType": "application/json", "S3Uri": f"s3://models/{group.name}/evaluation.json"}}
    arn = group.register(ModelMetrics={"ModelQuality": quality})
    facts = (await resolve(way_in(bench, bench.url), by_arn(arn))).facts
    assert facts is not None
    assert facts.evaluation is None


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_store_on_a_bad_day_costs_no_evaluation(bench: S3Bench, group: Group, status: int) -> None:
    arn = measured(bench, group)
    with proxy(bench.url, keeps_host=True) as front:
        front.inject(refusing(status, Retry_After="7"), where="evaluation.json", times=1)
        with pytest.raises(SourceError, match=f"answered with {status}") as failure:
            await resolve(way_in(bench, front.url), by_arn(arn))
        assert (failure.value.retry, failure.value.wait) == (True, 7.0)
        facts = (await resolve(way_in(bench, front.url), by_arn(arn))).facts
    assert facts is not None
    assert facts.evaluation is not None


@pytest.mark.parametrize("status", [301, 400, 403, 404])
async def test_metrics_that_are_elsewhere_or_not_for_the_reader_hold_nothing_up(
    bench: S3Bench, group: Group, status: int
) -> None:
    arn = measured(bench, group)
    with proxy(bench.url, keeps_host=True) as front:
        front.inject(refusing(status), where="evaluation.json")
        facts = (await resolve(way_in(bench, front.url), by_arn(arn))).facts
    assert facts is not None
    assert facts.evaluation is None


def measured(bench: S3Bench, group: Group) -> str:
    """A package with metrics."""
    bench.put(f"{group.name}/evaluation.json", b'{"f1": 1}')
    quality = {"Statistics": {"ContentType": "application/json", "S3Uri": f"s3://models/{group.name}/evaluation.json"}}
    return group.register(ModelMetrics={"ModelQuality": quality})
