"""Where the clouds' own servers are, by region and account."""

from typing import Final

GCS: Final = "https://storage.googleapis.com"
"""Google Cloud Storage."""
_DEFAULT_REGION: Final = "us-east-1"


AZURE: Final = "https://management.azure.com"
"""Azure's resource manager, in the public cloud."""
AZURE_LOGIN: Final = "https://login.microsoftonline.com"
"""Where service principals get tokens for it."""


def store_endpoint(uri: str, region: str | None, account: str | None) -> str:
    """The server that has the objects of an s3, gs or az address."""
    if uri.startswith("gs:"):
        return GCS
    if uri.startswith("az:"):
        return f"https://{account}.blob.core.windows.net"
    return s3_endpoint(region or _DEFAULT_REGION)


def s3_endpoint(region: str) -> str:
    """S3 in a region."""
    return f"https://s3.{region}.{_amazon(region)}"


def sagemaker_endpoint(region: str) -> str:
    """SageMaker's API in a region."""
    return f"https://api.sagemaker.{region}.{_amazon(region)}"


def vertex_endpoint(location: str) -> str:
    """Vertex AI's API in a location."""
    return f"https://{location}-aiplatform.googleapis.com"


def region_of(told: str | None) -> str:
    """The region that signatures are for, also where servers have none."""
    return told or _DEFAULT_REGION


def _amazon(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
