"""AWS Signature Version 4: the headers by which Amazon's services, and what speaks as they do, know who asks."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, quote, unquote

import httpx

from crossfade.adapters.web import Signer
from crossfade.model.access import Access
from crossfade.ports import SourceError

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_PLAIN: Final = "-_.~"


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """Who asks. `token` is a session's, empty for keys that last."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signature is good for: a service in a region."""

    region: str
    service: str


def aws_keys(access: Access) -> AwsKeys | None:
    """The keys among the secrets; None for nobody. Raises SourceError, which repeats no value."""
    if not access.secrets:
        return None
    found = [access.secrets.get(key, "") for key in ("accessKeyId", "secretAccessKey", "sessionToken")]
    if not found[0] or not found[1]:
        raise SourceError("the Secret must have `accessKeyId` and `secretAccessKey` for what is at Amazon or s3")
    if not all(text.isascii() for text in found):
        raise SourceError("the keys of the Secret must be plain ASCII, as they were given out")
    return AwsKeys(*found)


def signer(keys: AwsKeys | None, scope: Scope) -> Signer | None:
    """What signs each request; None for nobody, whose requests are not signed."""
    if keys is None:
        return None

    def sign(method: str, url: httpx.URL, _: Mapping[str, str], content: bytes) -> Mapping[str, str]:
        headers = {"X-Amz-Content-Sha256": hashlib.sha256(content).hexdigest()}
        return signed(keys, scope, method, url, headers, datetime.now(UTC))

    return sign


def signed(
    keys: AwsKeys, scope: Scope, method: str, url: httpx.URL, headers: Mapping[str, str], at: datetime
) -> dict[str, str]:
    """These headers, which have the SHA-256 of the body in X-Amz-Content-Sha256, with those that vouch for them. The
    path is taken as it is written, as S3 wants it."""
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    sent = {**headers, "X-Amz-Date": stamp} | ({"X-Amz-Security-Token": keys.token} if keys.token else {})
    vouched = {"host": url.netloc.decode("ascii")} | {name.lower(): text.strip() for name, text in sent.items()}
    names = ";".join(sorted(vouched))
    lines = "".join(f"{name}:{vouched[name]}\n" for name in sorted(vouched))
    path, _, query = url.raw_path.decode("ascii").partition("?")
    body = vouched["x-amz-content-sha256"]
    request = "\n".join((method, _path(path), _query(query), lines, names, body))
    within = f"{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, within, hashlib.sha256(request.encode()).hexdigest()))
    signature = hmac.new(_key(keys, scope, stamp[:8]), text.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={keys.access_key_id}/{within}"
    return {**sent, "Authorization": f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"}


def _key(keys: AwsKeys, scope: Scope, day: str) -> bytes:
    key = f"AWS4{keys.secret_access_key}".encode()
    for part in (day, scope.region, scope.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _path(path: str) -> str:
    return quote(unquote(path), safe=f"/{_PLAIN}") or "/"


def _query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    return "&".join(sorted(f"{quote(name, safe=_PLAIN)}={quote(text, safe=_PLAIN)}" for name, text in pairs))
