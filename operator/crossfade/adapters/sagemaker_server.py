"""Amazon SageMaker's API in one region, as far as its model registry goes, and the S3 that has its models."""

import json
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final

from crossfade.adapters.buckets.s3 import UNKNOWN, S3Bucket
from crossfade.adapters.json_object import json_object
from crossfade.adapters.said import code as code_of
from crossfade.adapters.sigv4 import Scope, aws_keys, signer
from crossfade.adapters.transfer import UnreadError
from crossfade.adapters.web import Guard, Reply, Web
from crossfade.model.access import Access
from crossfade.ports import SourceError

_TYPE: Final = "application/x-amz-json-1.1"
_SMALL_BYTES: Final = 256 << 10
_PASSING: Final = (408, 429)
_FORBIDDEN: Final = ("AccessDenied", "AccessDeniedException", "AccessDeniedError", "NotAuthorized")


class SageMakerError(SourceError):
    """SageMaker refused. `code` is its name for why, such as ValidationException; empty when it gave none."""

    def __init__(self, message: str, status: int, code: str, wait: float = 0.0) -> None:
        super().__init__(message, wait=wait)
        self.status = status
        self.code = code

    @property
    def unknown(self) -> bool:
        """Whether it does not know who asks."""
        return self.code in UNKNOWN or (self.status == 401 and not self.code)

    @property
    def forbidden(self) -> bool:
        """Whether who asks may not."""
        return self.code in _FORBIDDEN or (self.status == 403 and not self.unknown)


class SageMakerServer:
    """A client of what `access` describes, S3 with the same keys at `bucket`; `timeout` is in seconds for a whole
    request with its answer. Without keys it asks as nobody: nothing is looked for elsewhere. Raises SourceError when
    the access cannot be used as it is."""

    def __init__(self, access: Access, guard: Guard | None = None, timeout: float = 30.0) -> None:
        keys = aws_keys(access)
        self.region = access.option("region") or ""
        sign = signer(keys, Scope(self.region, "sagemaker"))
        self._web = Web(access.address, signer=sign, ca=access.ca, guard=guard, timeout=timeout)
        self.shown = self._web.shown
        self.bucket = S3Bucket(access.option("s3") or "", self.region, keys, access.ca, guard, timeout)

    async def close(self) -> None:
        """Close all connections."""
        await self._web.close()
        await self.bucket.close()

    async def call(self, operation: str, told: Mapping[str, Any]) -> dict[str, Any]:
        """One operation. Raises SageMakerError when refused, SourceError when there is no proper answer."""
        what = f"SageMaker at {self.shown}"
        headers = {"Content-Type": _TYPE, "X-Amz-Target": f"SageMaker.{operation}"}
        reply = await self._web.tell(what, "/", json.dumps(told).encode(), headers)
        answer = json_object(reply.content)
        if reply.status != 200:
            code = _code(answer or {}, reply)
            sentence = f"{what} refused {operation} with {reply.status} {code}".rstrip()
            raise SageMakerError(sentence, reply.status, code, reply.wait)
        if answer is None:
            raise SourceError(f"{what} answered {operation} with no JSON object; check that the address is SageMaker's")
        return answer

    async def small(self, bucket: str, key: str) -> bytes | None:
        """The content of a small object; None of what is large, not there, elsewhere, or not for us. Raises
        SourceError where another time may end better."""
        content = bytearray()
        try:
            async with aclosing(self.bucket.read(bucket, key)) as chunks:
                async for chunk in chunks:
                    content += chunk
                    if len(content) > _SMALL_BYTES:
                        return None
        except UnreadError as failure:
            if failure.status in _PASSING or failure.status >= 500:
                raise
            return None
        return bytes(content)


def _code(answer: Mapping[str, Any], reply: Reply) -> str:
    """Such as `com.amazonaws.sagemaker#ValidationException`, of which the last part counts."""
    told = str(answer.get("__type") or reply.headers.get("x-amzn-errortype", ""))
    return code_of(told.rpartition("#")[2].partition(":")[0])
