"""Azure's stand-in on this machine, with a few blobs of its own in place of a storage."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote

from crossfade.adapters.azureml_server import AzureMlServer
from crossfade.adapters.web import Guard
from crossfade.api.v1alpha1.modelversion import AzureMlSource, RegistryRef, Source
from crossfade.model.access import Access, Secrets

from tests.support.azure_ml import GROUP, SUBSCRIPTION, TENANT, Azure, Said, serving
from tests.support.networks import HERE

WORKSPACE, REGISTRY = "workspaces/ws", "registries/reg"
FOLDER = "https://acct1.blob.core.windows.net/models/f"
Json = dict[str, Any]
Answer = Callable[[str, str, Mapping[str, str], bytes], Said]


class AzureHere(Azure):
    """Has the blobs of one container, which are read with a signature that is good, or by nobody where they are
    public."""

    def __init__(self) -> None:
        super().__init__({"reader": "s"}, {"reader"}, "acct1", "http://127.0.0.1:1", "")
        self.blobs: dict[str, bytes] = {}
        self.public = False
        self.good: set[str] = set()
        """Signatures that have not ended."""
        self.signed: list[str] = []
        self.instead: dict[str, Answer] = {}
        """What is said in place of what Azure would, by a part of the path."""

    def answer(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Said:
        """See Azure."""
        for part, said in self.instead.items():
            if part in target:
                return said(method, target, headers, content)
        return super().answer(method, target, headers, content)

    def blob(self, target: str, headers: Mapping[str, str]) -> Said:
        """What it says of a blob to somebody without a token."""
        path, _, query = target.partition("?")
        return self._blob(path, query, headers, "")

    def _signed(self, path: str, told: Json) -> Said:
        self.signature = f"sv=1&sig={len(self.signed)}"
        self.signed.append(self.signature)
        self.good.add(self.signature)
        return super()._signed(path, told)

    def _blob(self, path: str, query: str, headers: Mapping[str, str], who: str) -> Said:
        if not (self.public or who or any(query.endswith(one) for one in self.good)):
            return Said(403, b"", {"x-ms-error-code": "AuthenticationFailed"})
        if "comp=list" in query:
            return self._list(parse_qs(query)["prefix"][0])
        found = self.blobs.get(unquote(path).partition("/models/")[2])
        if found is None:
            return Said(404, b"", {"x-ms-error-code": "BlobNotFound"})
        return self._part(found, headers.get("Range"))

    def _list(self, prefix: str) -> Said:
        listed = "".join(
            f"<Blob><Name>{name}</Name><Properties><Content-Length>{len(content)}</Content-Length></Properties></Blob>"
            for name, content in sorted(self.blobs.items())
            if name.startswith(prefix)
        )
        whole = f"<EnumerationResults><Blobs>{listed}</Blobs><NextMarker/></EnumerationResults>"
        return Said(200, whole.encode())

    def _part(self, content: bytes, wanted: str | None) -> Said:
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        headers = {"ETag": '"one"'}
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return Said(206 if wanted else 200, content[start:], headers)


@contextmanager
def azure_here() -> Iterator[AzureHere]:
    """One that is served."""
    azure = AzureHere()
    with serving(azure):
        yield azure


def server(azure: Azure, owner: str = WORKSPACE) -> AzureMlServer:
    """Our client, as one that may read."""
    kind, _, name = owner.partition("/")
    options = {
        "registry" if kind == "registries" else "workspace": name,
        "subscription": SUBSCRIPTION,
        "resourceGroup": GROUP,
        "login": azure.url,
        "blobs": f"{azure.url}/blob",
    }
    secrets = Secrets({"tenantId": TENANT, "clientId": "reader", "clientSecret": "s"})
    return AzureMlServer(Access("azureML", azure.url, tuple(sorted(options.items())), secrets), Guard(HERE), 5)


def asked(name: str, version: str = "1") -> Source:
    """The source that means this version."""
    return Source(azureML=AzureMlSource(name=name, version=version), registry_ref=RegistryRef(name="azure"))
