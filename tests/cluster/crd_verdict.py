"""What the API server would say of an object of our kinds, without a process for each question."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from crossfade.api.kinds import KINDS
from crossfade.api.meta import GROUP, VERSION
from kubernetes.aio import client, config

IN_FLIGHT = 24
"""How many questions may be under way."""


@asynccontextmanager
async def asking(kubeconfig: Path) -> AsyncIterator[client.CustomObjectsApi]:
    """A client with as many connections as questions under way."""
    settings = client.Configuration()
    await config.load_kube_config(config_file=str(kubeconfig), client_configuration=settings)
    settings.connection_pool_maxsize = IN_FLIGHT
    async with client.ApiClient(settings) as api:
        yield client.CustomObjectsApi(api)


async def verdict(api: client.CustomObjectsApi, document: dict[str, Any], namespace: str = "default") -> str:
    """Empty when the server would create the object as `kubectl apply` asks it to, else its words."""
    plural = KINDS[document["kind"]].plural
    try:
        await api.create_namespaced_custom_object(
            GROUP, VERSION, namespace, plural, document, dry_run="All", field_validation="Strict"
        )
    except client.ApiException as error:
        if error.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY):
            raise
        return str(json.loads(error.body)["message"])
    return ""
