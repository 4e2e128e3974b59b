"""The clouds' own clients, run in the environment `stores`: a call in JSON on each line, and its answer on the next."""

import base64
import json
import sys


def amazon(call):
    """One operation of boto3, and all its pages where that is asked."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    client = boto3.client(
        call["service"],
        endpoint_url=call["endpoint"],
        region_name="us-east-1",
        aws_access_key_id=call["keys"][0],
        aws_secret_access_key=call["keys"][1],
        aws_session_token=(call["keys"] + [None])[2],
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )
    told = call["with"]
    if "Body" in told:
        told["Body"] = base64.b64decode(told["Body"])
    try:
        if call.get("pages"):
            return {"pages": list(client.get_paginator(call["do"]).paginate(**told))}
        found = getattr(client, call["do"])(**told)
    except ClientError as failure:
        return {"error": failure.response["Error"]["Code"]}
    if "Body" in found:
        found["Body"] = base64.b64encode(found["Body"].read()).decode()
    found.pop("ResponseMetadata", None)
    return found


def google(call):
    """One thing done to a bucket by google-cloud-storage."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.credentials import AnonymousCredentials
    from google.auth.exceptions import GoogleAuthError
    from google.cloud import storage
    from google.oauth2 import service_account

    key = call["key"]
    who = service_account.Credentials.from_service_account_info(key) if key else AnonymousCredentials()
    client = storage.Client("crossfade", who, client_options={"api_endpoint": call["endpoint"]})
    try:
        if call["do"] == "make":
            client.create_bucket(call["bucket"])
        elif call["do"] == "put":
            blob = client.bucket(call["bucket"]).blob(call["name"])
            blob.upload_from_string(base64.b64decode(call["content"]))
        else:
            found = client.list_blobs(call["bucket"], prefix=call["name"], retry=None)
            return {blob.name: _text(blob.download_as_bytes(retry=None)) for blob in found}
    except GoogleAPICallError as failure:
        return {"error": str(failure.code.value)}
    except GoogleAuthError as failure:
        return {"error": type(failure).__name__}
    return {}


def azure(call):
    """One thing done to a container by azure-storage-blob."""
    from azure.core.exceptions import HttpResponseError
    from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

    if call["do"] == "sas":
        rights = ContainerSasPermissions.from_string(call["rights"])
        return {
            "sas": generate_container_sas(
                call["account"], call["bucket"], account_key=call["key"], permission=rights, expiry=call["until"]
            )
        }
    client = BlobServiceClient(call["endpoint"], credential=call["key"], retry_total=0)
    try:
        container = client.get_container_client(call["bucket"])
        if call["do"] == "make":
            container.create_container()
        elif call["do"] == "put":
            container.upload_blob(call["name"], base64.b64decode(call["content"]), overwrite=True)
        else:
            names = [blob.name for blob in container.list_blobs(name_starts_with=call["name"])]
            return {name: _text(container.download_blob(name).readall()) for name in names}
    except HttpResponseError as failure:
        return {"error": getattr(failure.error_code, "value", failure.error_code)}
    return {}


def _text(content):
    return base64.b64encode(content).decode()


if __name__ == "__main__":
    for line in sys.stdin:
        told = json.loads(line)
        answer = {"amazon": amazon, "google": google, "azure": azure}[told.pop("cloud")](told)
        print(json.dumps(answer, default=str), flush=True)
