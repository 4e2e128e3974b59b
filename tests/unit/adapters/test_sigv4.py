"""Would catch a signature that Amazon does not take: the examples are those that Amazon publishes."""

import hashlib
from datetime import UTC, datetime

import httpx
import pytest
from crossfade.adapters.sigv4 import AwsKeys, Scope, aws_keys, signed, signer
from crossfade.model.access import Access, Secrets

S3_KEYS = AwsKeys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
S3 = Scope("us-east-1", "s3")
AT = datetime(2013, 5, 24, tzinfo=UTC)
EMPTY = {"X-Amz-Content-Sha256": hashlib.sha256(b"").hexdigest()}


@pytest.mark.parametrize(
    ("target", "headers", "signature"),
    [
        (
            "test.txt",
            {"Range": "bytes=0-9"},
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        ("?lifecycle", {}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("?max-keys=2&prefix=J", {}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ("?prefix=J&max-keys=2", {}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
)
def test_the_examples_of_amazons_own_documentation_come_out(
    target: str, headers: dict[str, str], signature: str
) -> None:
    url = httpx.URL(f"https://examplebucket.s3.amazonaws.com/{target}")
    sent = signed(S3_KEYS, S3, "GET", url, EMPTY | headers, AT)
    names = ";".join(sorted(["host", "x-amz-content-sha256", "x-amz-date", *(name.lower() for name in headers)]))
    assert sent["X-Amz-Date"] == "20130524T000000Z"
    assert sent["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def test_what_differs_in_the_request_differs_in_the_signature() -> None:
    def of(method: str, url: str, body: bytes = b"", keys: AwsKeys = S3_KEYS, scope: Scope = S3) -> str:
        headers = {"X-Amz-Content-Sha256": hashlib.sha256(body).hexdigest()}
        return signed(keys, scope, method, httpx.URL(url), headers, AT)["Authorization"].rpartition("=")[2]

    session = AwsKeys(S3_KEYS.access_key_id, S3_KEYS.secret_access_key, "token")
    found = [
        of("GET", "https://s3/b/k"),
        of("POST", "https://s3/b/k"),
        of("GET", "https://s3:444/b/k"),
        of("GET", "https://s4/b/k"),
        of("GET", "https://s3/b/k%2F"),
        of("GET", "https://s3/b/k?x"),
        of("GET", "https://s3/b/k?x=%20"),
        of("GET", "https://s3/b/k", b"{}"),
        of("GET", "https://s3/b/k", keys=session),
        of("GET", "https://s3/b/k", scope=Scope("eu-central-1", "s3")),
        of("GET", "https://s3/b/k", scope=Scope("us-east-1", "sagemaker")),
    ]
    assert len(set(found)) == len(found)
    assert of("GET", "https://s3:443/b/k") == found[0], "what every client leaves out"


def test_a_session_is_shown_by_its_token_and_nobody_signs_nothing() -> None:
    secrets = Secrets({"accessKeyId": "a", "secretAccessKey": "canary-s", "sessionToken": "canary-t"})
    keys = aws_keys(Access("objectStore", "https://s3", secrets=secrets))
    assert keys is not None
    assert "canary" not in repr(keys)
    sign = signer(keys, S3)
    assert sign is not None
    sent = sign("GET", httpx.URL("https://s3/b"), {}, b"")
    assert sent["X-Amz-Security-Token"] == "canary-t"
    assert "x-amz-security-token" in sent["Authorization"]
    assert "canary-s" not in str(sent)
    assert aws_keys(Access("objectStore", "https://s3")) is None
    assert signer(None, S3) is None
