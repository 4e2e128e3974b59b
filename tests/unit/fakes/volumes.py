"""Volumes that nobody reads."""

from collections.abc import Callable

from crossfade.model.reading import Reading
from crossfade.model.volume import Subject


class NoVolumes:
    """The Volumes port, of which nothing is asked."""

    async def read(self, subject: Subject, uri: str, say: Callable[[str], None]) -> Reading:
        """See ports.Volumes."""
        raise AssertionError(f"nobody was to read {uri}")
