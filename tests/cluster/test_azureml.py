"""Catches a model of Azure ML that never serves, or a service principal's secret that is seen where it must not be."""

from collections.abc import Callable, Iterator

import pytest

from testbed.address import HOST
from testbed.bed import Bed
from tests.cluster.test_registries import EXAMPLES
from tests.contract.azureml_bench import SECRETS, WORKSPACE, AzureMlBench, azureml_bench
from tests.contract.store_bench import Clients, clients
from tests.support import objects
from tests.support.azure_ml import GROUP, SUBSCRIPTION, TENANT
from tests.support.endpoint import Endpoint, serves
from tests.support.operator_process import OperatorProcess
from tests.support.verified import assert_hidden, is_resolved

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture
def cloud_clients(bed: Bed) -> Iterator[Clients]:
    """Azure's, on the bed's network."""
    with clients() as made:
        yield made


@pytest.fixture
def bench(bed: Bed, cloud_clients: Clients) -> Iterator[AzureMlBench]:
    """Azure on the bed's network."""
    with azureml_bench(cloud_clients, HOST, 9200) as made:
        yield made


async def test_the_example_is_resolved_as_it_is_and_a_model_serves(
    bed: Bed, endpoint: Endpoint, start_operator: Callable[..., OperatorProcess], bench: AzureMlBench
) -> None:
    bench.azure.secrets["crossfade-reader"] = "change-me"
    bench.azure.readers.add("crossfade-reader")
    folder = bench.put("fraud-detector/7", **{"model.json": b"{}", "README.md": b"---\nlicense: mit\n---\n"})
    bench.azure.register(WORKSPACE, "fraud-detector", "7", bench.uri(folder), stage="Production")
    operator = start_operator(endpoint.namespace)
    bed.kubectl("apply", "--namespace", endpoint.namespace, "-f", str(EXAMPLES / "azure-ml.yaml"))
    found = await endpoint.recorder.until("ModelVersion", "fraud-detector-1-7-0", is_resolved)
    resolved = found["status"]["resolved"]
    assert (resolved["registryVersion"], resolved["files"]) == ("7", 2)
    assert resolved["immutableUri"] == "azureml://workspaces/ws-risk/models/fraud-detector/versions/7"
    assert (resolved["card"]["license"], resolved["tags"]["values"]["stage"]) == ("mit", "Production")

    content = f'{{"name": "{objects.MODEL}", "version": "1.0.0"}}'.encode()
    bench.azure.register(WORKSPACE, "fraud", "1", bench.uri(bench.put("fraud/1", **{"model.json": content})))
    place = {"subscription": SUBSCRIPTION, "resourceGroup": GROUP, "workspace": "ws-risk", "endpoint": bench.azure.url}
    place |= {"loginEndpoint": bench.azure.url, "blobEndpoint": f"{bench.azure.url}/blob"}
    secret = {"tenantId": TENANT, "clientId": "reader", "clientSecret": SECRETS["reader"]}
    await endpoint.create(objects.secret("azure", secret))
    await endpoint.create(objects.model_registry("azure", azureML=place))
    source = {"azureML": {"name": "fraud", "label": "latest"}, "registryRef": {"name": "azure"}}
    await endpoint.create(objects.model_version("fraud-1", "1.0.0", source))
    await endpoint.create(objects.rollout("fraud", "fraud-1", endpoint.host, endpoint.parent))
    await endpoint.until(lambda found: serves(found, 1))
    assert_hidden(endpoint, operator, SECRETS["reader"])
