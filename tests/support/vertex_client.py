"""Run by the Python of testbed/envs/vertex.txt: what Google's own clients make of a model of Vertex AI, told as JSON.

Its argument is JSON too: `address` of both servers, the service account's `key`, and the `name` of the model's version;
with `saves`, which has `alias`, `takes` and `labels`, it gives that alias first, takes the other one away, and adds to
the labels. With `lists` it tells the numbers of the model's versions that have this label, by the label.
"""

import hashlib
import json
import sys
from typing import Any

from google.api_core.exceptions import GoogleAPICallError  # type: ignore[import-not-found]  # its own environment
from google.auth.exceptions import RefreshError  # type: ignore[import-not-found]
from google.cloud import storage  # type: ignore[import-not-found]
from google.cloud.aiplatform_v1.services.model_service import ModelServiceClient  # type: ignore[import-not-found]
from google.cloud.aiplatform_v1.services.model_service import transports as models  # type: ignore[import-not-found]
from google.cloud.aiplatform_v1.services.pipeline_service import (  # type: ignore[import-not-found]
    PipelineServiceClient,
)
from google.cloud.aiplatform_v1.services.pipeline_service import (  # type: ignore[import-not-found]
    transports as pipelines,
)
from google.cloud.aiplatform_v1.types import Model  # type: ignore[import-not-found]
from google.oauth2.service_account import Credentials  # type: ignore[import-not-found]


def main(asked: dict[str, Any]) -> dict[str, Any]:
    """The version with its files by their SHA-256, or the name of the error."""
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    credentials = Credentials.from_service_account_info(asked["key"], scopes=scopes)
    host = asked["address"].removeprefix("http://")
    rest = {"host": host, "credentials": credentials, "url_scheme": "http"}
    client = ModelServiceClient(transport=models.ModelServiceRestTransport(**rest))
    try:
        if label := asked.get("lists"):
            name = asked["name"].partition("@")[0]
            listed = client.list_model_versions(request={"name": name, "filter": f"labels.{label}:*", "page_size": 1})
            return {one.labels[label]: one.version_id for one in listed}
        model = client.get_model(name=asked["name"], timeout=60)
        version = f"{asked['name'].partition('@')[0]}@{model.version_id}"
        if saves := asked.get("saves"):
            for alias in (saves["alias"], f"-{saves['takes']}"):
                client.merge_version_aliases(name=version, version_aliases=[alias], timeout=60)
            model = client.get_model(name=version, timeout=60)
            labelled = Model(name=version, labels={**model.labels, **saves["labels"]}, etag=model.etag)
            model = client.update_model(model=labelled, update_mask={"paths": ["labels"]}, timeout=60)
        evaluations = list(client.list_model_evaluations(parent=version, timeout=60))
        job = None
        if model.pipeline_job:
            runs = PipelineServiceClient(transport=pipelines.PipelineServiceRestTransport(**rest))
            job = runs.get_pipeline_job(name=model.pipeline_job, timeout=60)
        return {
            "version": model.version_id,
            "uri": model.artifact_uri,
            "aliases": list(model.version_aliases),
            "labels": dict(model.labels),
            "made": model.version_create_time.timestamp(),
            "scores": {name: value for one in evaluations for name, value in dict(one.metrics).items()},
            "parameters": dict(job.runtime_config.parameter_values) if job else {},
            "files": _files(asked["address"], credentials, model.artifact_uri),
        }
    except (GoogleAPICallError, RefreshError) as failure:
        return {"error": type(failure).__name__}


def _files(address: str, credentials: Credentials, uri: str) -> dict[str, str]:
    bucket, _, folder = uri.removeprefix("gs://").partition("/")
    reading = credentials.with_scopes(["https://www.googleapis.com/auth/devstorage.read_only"])
    client = storage.Client(project="p", credentials=reading, client_options={"api_endpoint": address})
    found = client.list_blobs(bucket, prefix=f"{folder}/")
    return {
        blob.name.removeprefix(f"{folder}/"): hashlib.sha256(blob.download_as_bytes(checksum=None)).hexdigest()
        for blob in found
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
