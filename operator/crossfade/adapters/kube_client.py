"""A connection to the API server: from $KUBECONFIG, else the pod's service account, else ~/.kube/config."""

import os
import time
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client import ApiClient, Configuration

from crossfade.ports import ClusterError

config: Any = kubernetes_config  # the library annotates only its generated half
_BEARER = "BearerToken"
_REFRESH_SECONDS = 60.0
"""Projected tokens live an hour and are replaced early; a minute's age is what in-cluster clients allow themselves."""


async def open_client(user_agent: str = "crossfade") -> ApiClient:
    """A client whose token follows rotation. Close it with `await client.close()`. Raises ClusterError."""
    client, _ = await connect(user_agent)
    return client


async def connect(user_agent: str) -> tuple[ApiClient, str]:
    """The same, and by what it was led to its API server, such as "the context `prod`". Raises ClusterError."""
    configuration, way = await _configuration()
    client = ApiClient(configuration=configuration)
    client.user_agent = user_agent
    return client, way


async def login(client: ApiClient) -> dict[str, Any]:
    """The client's present credentials as keyword arguments of `kopf.ConnectionInfo`. The result holds a secret."""
    settings = client.configuration
    credential = await settings.get_api_key_with_prefix(_BEARER) or ""
    scheme, _, token = credential.partition(" ")
    return {
        "server": settings.host,
        "ca_path": settings.ssl_ca_cert,
        "insecure": not settings.verify_ssl,
        "certificate_path": settings.cert_file,
        "private_key_path": settings.key_file,
        "scheme": scheme.capitalize() or None,
        "token": token.strip() or None,
        "proxy_url": settings.proxy,
    }


async def authorization(client: ApiClient) -> dict[str, str]:
    """The header that authenticates a request, empty when the client does so by certificate."""
    credential = await client.configuration.get_api_key_with_prefix(_BEARER)
    return {"Authorization": credential.strip()} if credential else {}


async def _configuration() -> tuple[Configuration, str]:
    """With its way, see `connect`."""
    found = Configuration()
    # Python 3.13 and later refuse authorities without key identifiers, as Amazon EKS has them; kubectl does not.
    found.disable_strict_ssl_verification = True
    try:
        if not os.environ.get("KUBECONFIG") and os.environ.get("KUBERNETES_SERVICE_HOST"):
            config.load_incluster_config(found)
            way = "this pod's service account"
        else:
            way = f"the context `{await _follow(_kubeconfig(), found)}`"
    except (kubernetes_config.ConfigException, yaml.YAMLError, OSError, RuntimeError) as failure:  # the last: no home
        raise ClusterError(
            f"there is no way to reach a cluster: {failure}; set KUBECONFIG, or run in a pod with a service account"
        ) from failure
    return found, way


def _kubeconfig() -> str:
    return os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())


async def _follow(paths: str, found: Any) -> str:
    """Read the files, and read them again when a request is made and the last look is old: always of the context that
    was present at first, so that whoever turns to another cluster meanwhile does not turn us. Returns its name."""
    files = _files_of(paths)
    context = next((present for each in files.values() if (present := each.get("current-context"))), None)
    if context is None:
        raise kubernetes_config.ConfigException(f"{paths} has no `current-context`")
    read, read_at = os.pathsep.join(files), time.monotonic()
    await config.load_kube_config(read, context, found, persist_config=False)

    async def refresh(stale: Configuration) -> None:
        nonlocal read_at
        if time.monotonic() - read_at >= _REFRESH_SECONDS:
            read_at = time.monotonic()
            await config.load_kube_config(read, context, stale, persist_config=False)

    found.refresh_api_key_hook = refresh
    return str(context)


def _files_of(paths: str) -> dict[str, dict[str, Any]]:
    """Those that are there and have something, in their order: the first that names a context decides, as with kubectl,
    where the library takes the last, and fails on an empty one."""
    files = (Path(path).expanduser() for path in paths.split(os.pathsep) if path)
    told = {str(file): yaml.safe_load(file.read_text()) for file in files if file.is_file()}
    for file, content in told.items():
        if content is not None and not isinstance(content, dict):
            raise kubernetes_config.ConfigException(f"{file} is no kubeconfig")
    return {file: content for file, content in told.items() if content}


def deadline(seconds: float) -> aiohttp.ClientTimeout:
    """A limit for a whole request, connecting included."""
    return aiohttp.ClientTimeout(total=seconds)
