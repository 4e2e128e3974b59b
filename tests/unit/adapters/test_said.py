"""Catches a server that answers with what it was sent, and so puts credentials into messages, statuses and events."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from crossfade.adapters.azureml_server import AzureMlServer
from crossfade.adapters.buckets.azure import AzureBucket
from crossfade.adapters.buckets.s3 import S3Bucket
from crossfade.adapters.git_server import GitServer
from crossfade.adapters.hub_server import HubServer
from crossfade.adapters.mlflow_server import MlflowServer
from crossfade.adapters.oci_server import OciServer
from crossfade.adapters.sagemaker_server import SageMakerServer
from crossfade.adapters.said import code, region, words
from crossfade.adapters.sigv4 import AwsKeys
from crossfade.adapters.wandb_server import WandbServer
from crossfade.adapters.web import Guard
from crossfade.model.access import Access, Secrets
from crossfade.ports import SourceError

from tests.support.networks import HERE
from tests.support.servers import serving

CANARY = "canary1of2servers3"
GUARD = Guard(HERE)


@contextmanager
def echoing() -> Iterator[str]:
    """A server that gives out a token, and else refuses with all that it was sent wherever something is read."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer()

        def _answer(self) -> None:
            if self.path.endswith("/token"):
                return self._write(200, {}, json.dumps({"access_token": CANARY, "expires_in": 60}).encode())
            told = self.headers.get("x-amz-security-token") or self.headers.get("Authorization") or self.path
            told = told.rpartition("&")[2]
            if self.path.startswith("/info/refs"):
                line = b"ERR you sent " + told.encode()
                return self._write(200, {}, b"%04x" % (len(line) + 4) + line)
            error = {"code": told, "message": told, "status": told}
            failures = [{"message": told, "extensions": error}]
            fields = ("error_code", "__type", "message")
            content = json.dumps({"errors": failures, "error": error, **dict.fromkeys(fields, told)}).encode()
            if "list-type" in self.path:
                content = f"<Error><Code>{told}</Code><Region>{told}</Region></Error>".encode()
            names = ("x-ms-error-code", "x-error-code", "x-amzn-errortype", "x-amz-bucket-region", "docker-error")
            return self._write(301 if "list-type" in self.path else 403, dict.fromkeys(names, told), content)

        def _write(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with serving(Handler) as url:
        yield url


def access(system: str, url: str, **options: str) -> Access:
    """With a secret of each kind."""
    secrets = dict.fromkeys(("apiKey", "token", "username", "password", "clientSecret"), CANARY)
    secrets |= {"tenantId": "t", "clientId": "c", "accessKeyId": "AKIA", "secretAccessKey": "s", "sessionToken": CANARY}
    return Access(system, url, tuple(sorted(options.items())), Secrets(secrets))


async def first(listed: AsyncIterator[object]) -> object:
    return await anext(listed)


async def azure_ml(url: str) -> object:
    """A version of a model."""
    return await AzureMlServer(access("azureML", url, login=url, workspace="w"), GUARD, 5).version("m", "1")


ASKED: Mapping[str, Callable[[str], Awaitable[object]]] = {
    "azureML": azure_ml,
    "az": lambda url: first(AzureBucket(url, "acct", {"sasToken": CANARY}, "", GUARD, 5).objects("models", "m/")),
    "git": lambda url: GitServer(access("git", url), GUARD, 5).refs(["refs/heads/"]),
    "hub": lambda url: HubServer(access("huggingFace", url), GUARD, 5).model("org/m", "revision/main", {}),
    "mlflow": lambda url: MlflowServer(access("mlflow", url), GUARD, 5).get("mlflow/model-versions/get", {}),
    "oci": lambda url: OciServer(access("oci", url), GUARD, 5).manifest("m", "v1"),
    "s3": lambda url: first(
        S3Bucket(url, "eu-central-1", AwsKeys("AKIA", "s", CANARY), "", GUARD, 5).objects("models", "m/")
    ),
    "sageMaker": lambda url: SageMakerServer(access("sageMaker", url, region="eu-central-1", s3=url), GUARD, 5).call(
        "DescribeModelPackage", {}
    ),
    "wandb": lambda url: WandbServer(access("wandb", url), GUARD, 5).ask("query Viewer { viewer { entity } }"),
}


@pytest.mark.parametrize("system", ASKED)
async def test_what_a_server_was_sent_is_not_repeated(system: str) -> None:
    pairs = [b64encode(f"{user}:{CANARY}".encode()).decode()[:24] for user in (CANARY, "api", "x-access-token")]
    with echoing() as url, pytest.raises(SourceError) as failure:
        await ASKED[system](url)
    told: Any = str(failure.value)
    assert not [secret for secret in (CANARY, *pairs) if secret in told], told


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        *((name, name) for name in ("AuthorizationFailed", "RESOURCE_DOES_NOT_EXIST", "UserError", "a" * 64)),
        *((other, "") for other in ("", "a" * 65, "Bearer x", "eyJ0.x", "hf_abcdef", "a1", "x\n", None, 403, ["A"])),
    ],
)
def test_a_code_is_a_name_and_nothing_else(told: object, kept: str) -> None:
    assert code(told) == kept


def test_of_a_sentence_plain_words_are_kept() -> None:
    assert words(f"access denied: user 'x-{CANARY}' (or not exported).") == "access denied: user … (or not exported)."
    assert words("a" * 21) == "…"


def test_a_region_is_one() -> None:
    assert [region(told) for told in ("eu-central-1", "us-gov-west-1", CANARY, "EU", "")] == [
        "eu-central-1",
        "us-gov-west-1",
        *("", "", ""),
    ]
