"""What the doctor needs of the world, as protocols; the operator needs none of it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from crossfade.ports import MetricsError, Object, RawSeries


class GoneError(MetricsError):
    """Prometheus did not answer, and so it is for whoever asks from within the cluster."""


class Reader(Protocol):
    """The Kubernetes API for who must change nothing."""

    async def read(self, path: str, query: Mapping[str, str]) -> Object:
        """What is at an API path. Raises ClusterError."""
        ...

    async def may(self, user: str, attributes: Mapping[str, str]) -> bool:
        """Whether the API server lets the user do this, by a SubjectAccessReview, which it answers and does not store;
        `attributes` are its `resourceAttributes`. Raises ClusterError."""
        ...

    async def now(self) -> float:
        """The API server's clock in unix seconds, to half a second. Raises ClusterError."""
        ...


class Queries(Protocol):
    """A Prometheus as it is asked from outside of the operator."""

    @property
    def shown(self) -> str:
        """Its address, fit for messages."""
        ...

    @property
    def way(self) -> str:
        """How it is asked, such as `directly`."""
        ...

    async def window(self, selector: str, seconds: int) -> Sequence[RawSeries]:
        """Raw samples of `selector[seconds s]`, evaluated now. Raises MetricsError, which is a GoneError where the
        operator, too, would find nobody there."""
        ...

    async def now(self) -> float:
        """Its clock in unix seconds. Raises MetricsError likewise."""
        ...
