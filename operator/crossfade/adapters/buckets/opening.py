"""Which class belongs to which object store. Modules are imported when their store is first used."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from crossfade.adapters.buckets.bucket import Bucket, Place, place
from crossfade.model.access import GOOGLE_KEY, Access
from crossfade.model.endpoints import region_of
from crossfade.ports import SourceError

if TYPE_CHECKING:
    from crossfade.adapters.web import Guard


def registrys_place(access: Access) -> Place:
    """What the ModelRegistry is for. Raises SourceError, and not for ever: it can be edited."""
    try:
        return place(access.option("uri") or "")
    except SourceError as failure:
        raise SourceError(f"`objectStore.uri` of the ModelRegistry: {failure}") from None


def opened_bucket(scheme: str, access: Access, guard: "Guard | None", timeout: float) -> Bucket:
    """The store of s3, gs or az addresses that `access` describes; `timeout` is in seconds for a whole request with its
    answer. Raises SourceError when the access cannot be used as it is."""
    return _STORES[scheme](access, guard, timeout)


def _s3(access: Access, guard: "Guard | None", timeout: float) -> Bucket:
    from crossfade.adapters.buckets.s3 import S3Bucket
    from crossfade.adapters.sigv4 import aws_keys

    region = region_of(access.option("region"))
    return S3Bucket(access.address, region, aws_keys(access), access.ca, guard, timeout)


def _gs(access: Access, guard: "Guard | None", timeout: float) -> Bucket:
    from crossfade.adapters.buckets.gcs import GcsBucket

    key = access.secrets.get(GOOGLE_KEY, "")
    if access.secrets and not key:
        raise SourceError(f"the Secret must have `{GOOGLE_KEY}` for a gs address")
    return GcsBucket(access.address, key, access.ca, guard, timeout)


def _az(access: Access, guard: "Guard | None", timeout: float) -> Bucket:
    from crossfade.adapters.buckets.azure import AzureBucket

    return AzureBucket(access.address, access.option("account") or "", access.secrets, access.ca, guard, timeout)


_STORES: Mapping[str, Callable[[Access, "Guard | None", float], Bucket]] = {"az": _az, "gs": _gs, "s3": _s3}
