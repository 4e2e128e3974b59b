"""Access tokens of Microsoft Entra ID for a service principal, by its secret (OAuth 2.0 client credentials)."""

import re
from collections.abc import Mapping
from typing import Final

from crossfade.adapters.oauth_tokens import OAuthTokens
from crossfade.adapters.web import Guard, Web
from crossfade.model.access import Access
from crossfade.ports import SourceError

_TENANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")


def azure_tokens(access: Access, login: str, scope: str, guard: Guard | None, timeout: float) -> OAuthTokens:
    """Tokens of this scope from `login`. Raises SourceError when the access has no principal to ask for."""
    secrets = access.secrets
    if not secrets:
        raise SourceError(
            "Azure ML tells nobody anything; give `credentials` in the ModelRegistry, whose Secret has `tenantId`, "
            "`clientId` and `clientSecret`"
        )
    tenant = secrets["tenantId"]
    if not _TENANT.fullmatch(tenant):
        raise SourceError("the key `tenantId` of the Secret must be the ID of a tenant, or a domain of it")

    async def form() -> Mapping[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": secrets["clientId"],
            "client_secret": secrets["clientSecret"],
            "scope": scope,
        }

    web = Web(login, ca=access.ca, guard=guard, timeout=timeout)
    return OAuthTokens(web, f"/{tenant}/oauth2/v2.0/token", form, "`loginEndpoint` in the ModelRegistry")
