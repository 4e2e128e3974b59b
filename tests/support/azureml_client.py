"""Run by the Python of testbed/envs/azureml.txt: what Azure's own clients make of a model, told as JSON.

Its argument is JSON too: `endpoint`, `ca`, `tenant`, `client`, `secret`, `subscription`, `group`, `kind` and `owner`,
`name`, `version`, `datastore`, and `account`, which has the blobs; with `saves` it adds these tags to the version, and
tells what it has then, and what all versions have.
"""

import json
import sys
from typing import Any

from azure.ai.ml._restclient.arm_ml_service import MachineLearningServicesMgmtClient  # type: ignore[import-not-found]
from azure.ai.ml._utils._storage_utils import get_ds_name_and_path_prefix  # type: ignore[import-not-found]
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError  # type: ignore[import-not-found]
from azure.identity import ClientSecretCredential  # type: ignore[import-not-found]
from azure.storage.blob import BlobServiceClient, ContainerClient  # type: ignore[import-not-found]


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """The version, the newest one, and the files with their sizes; or the error's code."""
    trusted = {"connection_verify": asked["ca"], "retry_total": 0}
    who = ClientSecretCredential(
        asked["tenant"],
        asked["client"],
        asked["secret"],
        authority=asked["endpoint"],
        disable_instance_discovery=True,
        **trusted,
    )
    client = MachineLearningServicesMgmtClient(
        who,
        asked["subscription"],
        base_url=asked["endpoint"],
        credential_scopes=[f"{asked['endpoint']}/.default"],
        **trusted,
    )
    try:
        return save(client, asked) if "saves" in asked else read(client, who, asked, trusted)
    except ClientAuthenticationError:
        return {"error": "unknown"}
    except HttpResponseError as failure:
        return {"error": failure.error.code if failure.error else str(failure.status_code)}


def save(client: Any, asked: dict[str, Any]) -> dict[str, Any]:
    group, version = {"resource_group_name": asked["group"]}, {"version": asked["version"]}
    if asked["kind"] == "registries":
        which = {"model_name": asked["name"], "registry_name": asked["owner"], **group, **version}
        versions = client.registry_model_versions
        update = versions.begin_create_or_update
    else:
        which = {"name": asked["name"], "workspace_name": asked["owner"], **group, **version}
        versions = client.model_versions
        update = versions.create_or_update
    found = versions.get(**which)
    found.properties.tags.update(asked["saves"])
    update(body=found, **which)
    del which["version"]
    tags = {one.name: dict(one.properties.tags) for one in versions.list(**which)}
    return {"tags": tags[asked["version"]], "all": tags}


def read(client: Any, who: Any, asked: dict[str, Any], trusted: dict[str, Any]) -> dict[str, Any]:
    place = {"resource_group_name": asked["group"]}
    shared = asked["kind"] == "registries"
    if shared:
        place["registry_name"] = asked["owner"]
        client.registries.get(**place)
        found = client.registry_model_versions.get(model_name=asked["name"], version=asked["version"], **place)
        listed = client.registry_model_versions.list(model_name=asked["name"], order_by="createdtime desc", **place)
    else:
        place["workspace_name"] = asked["owner"]
        client.workspaces.get(**place)
        found = client.model_versions.get(name=asked["name"], version=asked["version"], **place)
        listed = client.model_versions.list(name=asked["name"], order_by="createdtime desc", top=1, **place)
    uri = found.properties.model_uri
    store, path = get_ds_name_and_path_prefix(uri, asked["owner"] if shared else None)
    if shared:
        body = {"assetId": f"azureml://registries/{asked['owner']}/models/{asked['name']}/versions/{asked['version']}"}
        given = client.registry_data_references.get_blob_reference_sas(
            name=asked["name"], version=asked["version"], body=body | {"blobUri": uri}, **place
        )
        signature = given.blob_reference_for_consumption.credential.sas_uri.partition("?")[2]
        container = ContainerClient.from_container_url(
            f"{asked['endpoint']}/blob/{asked['account']}/models?{signature}", **trusted
        )
    else:
        told = client.datastores.get(name=store, **place).properties
        address = f"{asked['endpoint']}/blob/{told.account_name}"
        container = BlobServiceClient(address, credential=who, **trusted).get_container_client(told.container_name)
    blobs = [blob.name for blob in container.list_blobs(name_starts_with=f"{path}/")]
    files = {name.removeprefix(f"{path}/"): len(container.download_blob(name).readall()) for name in blobs}
    properties = found.properties
    return {
        "version": found.name,
        "newest": next(iter(listed)).name,
        "stage": properties.stage,
        "tags": properties.tags,
        "maker": found.system_data.created_by,
        "made": found.system_data.created_at.timestamp(),
        "files": files,
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
