"""Catches a bucket whose model never serves or serves other bytes, and keys that are seen where they must not be."""

import functools
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from testbed.address import HOST
from testbed.bed import Bed
from tests.cluster.test_registries import EXAMPLES, says
from tests.contract.sagemaker_bench import IMAGE, packed
from tests.contract.store_bench import Clients, S3Bench, azure_bench, clients, gcs_server, s3_bench
from tests.support import objects
from tests.support.endpoint import Endpoint
from tests.support.operator_process import OperatorProcess
from tests.support.servers import Quiet, serving
from tests.support.verified import assert_hidden, is_resolved, never_serves

pytestmark = pytest.mark.cluster


class Files(Quiet, SimpleHTTPRequestHandler):
    """Python's own web server."""


@pytest.fixture
def cloud_clients(bed: Bed) -> Iterator[Clients]:
    """The clouds' own, on the bed's network."""
    with clients() as made:
        yield made


@pytest.fixture
def s3(cloud_clients: Clients) -> Iterator[S3Bench]:
    """S3 and SageMaker with users, on the bed's network."""
    with s3_bench(cloud_clients, HOST, 9000) as made:
        yield made


@pytest.mark.slow
async def test_the_examples_are_resolved_as_they_are(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], s3: S3Bench
) -> None:
    s3.put("risk/fraud-detector/1.5.0/model.json", b"{}")
    s3.put("risk/fraud-detector/1.5.0/README.md", b"---\nlicense: mit\n---\n")
    s3.put("fraud-detector/model.tar.gz", packed(**{"model.json": b"{}", "requirements.txt": b"numpy==2.0.0"}))
    s3.do("sagemaker", "create_model_package_group", ModelPackageGroupName="fraud-detector")
    container = {"Image": IMAGE, "ModelDataUrl": "s3://models/fraud-detector/model.tar.gz"}
    takes = {"SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
    s3.do(
        "sagemaker",
        "create_model_package",
        ModelPackageGroupName="fraud-detector",
        ModelApprovalStatus="Approved",
        InferenceSpecification={"Containers": [container], **takes},
        MetadataProperties={"CommitId": "a" * 40},
    )
    s3.check_nobody()  # the examples' keys are no user's
    start_operator(endpoint.namespace)
    for name in ("object-store", "sagemaker"):
        bed.kubectl("apply", "--namespace", endpoint.namespace, "-f", str(EXAMPLES / f"{name}.yaml"))
    found = await endpoint.recorder.until("ModelVersion", "fraud-detector-1-5-0", is_resolved)
    resolved = found["status"]["resolved"]
    assert (resolved["immutableUri"], resolved["files"]) == ("s3://models/risk/fraud-detector/1.5.0", 2)
    assert resolved["card"]["license"] == "mit"
    assert resolved["access"] == {
        "name": "model-store",
        "system": "objectStore",
        "address": "http://s3.models:9000",
        "options": {"region": "us-east-1", "uri": "s3://models/risk"},
        "secretName": "model-store",
    }
    found = await endpoint.recorder.until("ModelVersion", "fraud-detector-1-6-0", is_resolved)
    resolved = found["status"]["resolved"]
    assert resolved["immutableUri"] == "s3://models/fraud-detector/model.tar.gz?as=object&packed=tar.gz"
    assert (resolved["registryVersion"], resolved["files"]) == ("1", 2)
    assert resolved["lineage"]["gitCommit"] == "a" * 40
    assert resolved["environment"]["requirements"] == {"numpy": "2.0.0"}


@pytest.mark.slow
async def test_the_examples_of_other_stores_are_resolved_as_they_are(
    bed: Bed,
    endpoint: Endpoint,
    start_operator: Callable[..., OperatorProcess],
    cloud_clients: Clients,
    tmp_path: Path,
) -> None:
    (tmp_path / "fraud-detector" / "1.11.0").mkdir(parents=True)
    (tmp_path / "fraud-detector" / "1.11.0" / "model.json").write_bytes(b"{}")
    with (
        gcs_server(HOST, 4443) as google,
        azure_bench(cloud_clients, "0.0.0.0", 10000, "riskmodels", "Y2hhbmdlLW1l") as azure,
        serving(functools.partial(Files, directory=str(tmp_path)), HOST, 8095),
    ):
        where: dict[str, Any] = {"endpoint": google, "key": None, "bucket": "models"}
        cloud_clients.done("google", do="make", **where)
        cloud_clients.done("google", do="put", name="risk/fraud-detector/1.9.0/model.json", content="e30=", **where)
        azure.put("risk/fraud-detector/1.10.0/model.json", b"{}")
        start_operator(endpoint.namespace)
        found = {}
        for name in ("gcs", "azure-blob", "http"):
            bed.kubectl("apply", "--namespace", endpoint.namespace, "-f", str(EXAMPLES / f"{name}.yaml"))
        for name in ("fraud-detector-1-9-0", "fraud-detector-1-10-0", "fraud-detector-1-11-0"):
            version = await endpoint.recorder.until("ModelVersion", name, is_resolved)
            found[version["status"]["resolved"]["immutableUri"]] = version["status"]["resolved"]["digest"]
    assert list(found) == [
        "gs://models/risk/fraud-detector/1.9.0",
        "az://models/risk/fraud-detector/1.10.0",
        "http://files.models:8095/fraud-detector/1.11.0/model.json",
    ]
    assert len(set(found.values())) == 1, "it is the same model"


@pytest.mark.slow
async def test_a_model_of_a_bucket_serves_and_one_with_a_byte_changed_never_does(
    endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], s3: S3Bench, tmp_path: Path
) -> None:
    operator = start_operator(endpoint.namespace)
    system = {"uri": "s3://models/team", "endpoint": s3.url}
    await endpoint.create(objects.model_registry("store", objectStore=system))
    keys = dict(zip(("accessKeyId", "secretAccessKey"), s3.keys["reader"], strict=True))
    await endpoint.create(objects.secret("store", keys))
    for number in (1, 2):
        objects.write_model(tmp_path / str(number), f"{number}.0.0")
        s3.put(f"team/fraud/{number}/model.json", (tmp_path / str(number) / "model.json").read_bytes())
        await endpoint.create(version(number, f"s3://models/team/fraud/{number}"))
        await endpoint.recorder.until("ModelVersion", f"fraud-{number}", is_resolved)
    stable = (await endpoint.serve(1))["status"]["stable"]["revision"]
    content = (tmp_path / "2" / "model.json").read_bytes().replace(b"2.0.0", b"2.0.1")
    s3.put("team/fraud/2/model.json", content)
    await never_serves(endpoint, 2, stable)

    await endpoint.create(version(3, "s3://models/others/fraud/3"))
    refused = says("'s3://models/others/fraud/3' is not beneath 's3://models/team', which the ModelRegistry is for")
    await endpoint.recorder.until("ModelVersion", "fraud-3", refused)
    assert_hidden(endpoint, operator, s3.keys["reader"][1])


def version(number: int, uri: str) -> dict[str, Any]:
    source = {"uri": {"uri": uri}, "registryRef": {"name": "store"}}
    return objects.model_version(f"fraud-{number}", f"{number}.0.0", source)
