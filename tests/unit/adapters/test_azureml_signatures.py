"""Catches a model of a registry that is never whole because the registry's signatures end, and signatures that cannot
be sent or are none."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from crossfade.adapters.artifacts.azureml_artifacts import AzureMlArtifacts
from crossfade.adapters.azureml_places import at_address
from crossfade.observe.verify import measure
from crossfade.ports import Part, SourceError

from tests.support.azure_ml import Said, json_said
from tests.unit.adapters.azureml_here import FOLDER, REGISTRY, AzureHere, Json, azure_here, server

URI = f"azureml://{REGISTRY}/models/m/versions/1"
BLOBS = {f"f/{name}": name.encode() * 3 for name in ("a", "b", "c")}


@asynccontextmanager
async def reading() -> AsyncIterator[tuple[AzureHere, AzureMlArtifacts]]:
    """A model of three files in a registry."""
    with azure_here() as azure:
        azure.register(REGISTRY, "m", "1", FOLDER)
        azure.blobs |= BLOBS
        one = server(azure, REGISTRY)
        try:
            yield azure, AzureMlArtifacts(one)
        finally:
            await one.close()


async def content(artifacts: AzureMlArtifacts, path: str, part: Part | None = None) -> bytes:
    """Of a file, or a part of it."""
    chunks = artifacts.read(URI, path, part) if part else artifacts.read(URI, path)
    return b"".join([chunk async for chunk in chunks])


async def test_a_model_is_measured_although_its_signature_ends_after_the_list() -> None:
    async with reading() as (azure, artifacts):
        plain = await measure(artifacts, URI)
        azure.signed.clear()

        def ending(method: str, target: str, headers: Mapping[str, str], sent: bytes) -> Said:
            said = azure.blob(target, headers)
            if "comp=list" in target:
                azure.good.clear()
            return said

        azure.instead["/blob/"] = ending
        assert await measure(artifacts, URI) == plain
        assert len(azure.signed) == 2, "one for the list, and one for all files"


async def test_each_file_may_need_a_signature_of_its_own() -> None:
    async with reading() as (azure, artifacts):
        for path in ("a", "b", "c"):
            assert await content(artifacts, path) == BLOBS[f"f/{path}"]
            azure.good.clear()
        assert len(azure.signed) == 3


async def test_a_file_whose_connection_breaks_after_its_signature_has_ended_is_gone_on_with() -> None:
    async with reading() as (azure, artifacts):
        azure.blobs["f/a"] = whole = bytes(range(256)) * 8192
        wanted: list[str | None] = []

        def breaking(method: str, target: str, headers: Mapping[str, str], sent: bytes) -> Said:
            said = azure.blob(target, headers)
            wanted.append(headers.get("Range"))
            if said.status == 200 and len(wanted) == 1:
                azure.good.clear()
                return Said(200, said.content[: len(whole) // 2], said.headers, len(whole))
            return said

        await artifacts.files(URI)
        azure.instead["/blob/"] = breaking
        assert await content(artifacts, "a") == whole
        half = f"bytes={len(whole) // 2}-"
        assert wanted == [None, half, half], "refused with the signature that has ended, and read with another"


async def test_readers_side_by_side_ask_for_one_signature() -> None:
    async with reading() as (azure, artifacts):
        await artifacts.files(URI)
        azure.good.clear()
        found = await asyncio.gather(*(content(artifacts, path) for path in ("a", "b", "c")))
        assert found == [b"aaa", b"bbb", b"ccc"]
        assert len(azure.signed) == 2


async def test_what_no_signature_opens_is_asked_for_once_more_and_told() -> None:
    async with reading() as (azure, artifacts):
        await artifacts.files(URI)
        azure.instead["/blob/"] = lambda *_: Said(403, b"")
        with pytest.raises(SourceError, match=r"the blob az://models/f/a .* answered with 403") as failure:
            await content(artifacts, "a")
        assert len(azure.signed) == 2
        assert "sig=" not in str(failure.value)


@pytest.mark.parametrize("spelled", ["NoCredentials", "no_credentials"])
async def test_blobs_that_are_everybodys_are_read_as_nobody(spelled: str) -> None:
    async with reading() as (azure, artifacts):
        azure.public = True
        given: Json = {"blobUri": FOLDER, "credential": {"credentialType": spelled}}
        azure.instead["/datareferences/"] = lambda *_: json_said(200, {"blobReferenceForConsumption": given})
        seen: list[Mapping[str, str]] = []

        def looking(method: str, target: str, headers: Mapping[str, str], sent: bytes) -> Said:
            seen.append(headers)
            return azure.blob(target, headers)

        azure.instead["/blob/"] = looking
        assert [file.path for file in await artifacts.files(URI)] == ["a", "b", "c"]
        assert await content(artifacts, "a") == b"aaa"
        assert [headers.get("Authorization") for headers in seen] == [None, None]


@pytest.mark.parametrize(
    "given",
    [
        {"credential": {"credentialType": "SAS"}},
        {"credential": {"credentialType": "DockerCredentials", "userName": "u"}},
        {},
    ],
)
async def test_an_answer_without_a_signature_says_what_it_lacks(given: Json) -> None:
    async with reading() as (azure, artifacts):
        azure.instead["/datareferences/"] = lambda *_: json_said(200, {"blobReferenceForConsumption": given})
        with pytest.raises(SourceError, match="gives no signature for the blobs of m; register the model anew"):
            await artifacts.files(URI)


@pytest.mark.parametrize("signature", ["sig=é", "sig=canary\x01", "sig=can ary", "sig=a\nb"])
def test_a_signature_that_cannot_be_sent_is_the_registrys_fault(signature: str) -> None:
    with pytest.raises(SourceError, match="the model m has a signature that is none of Azure's; register") as failure:
        at_address(f"{FOLDER}?{signature}", "the model m")
    assert signature not in str(failure.value)
    assert "Secret" not in str(failure.value)
