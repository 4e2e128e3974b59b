"""Has models on volumes read by pods of their namespace, a few at a time."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from weakref import WeakValueDictionary

from crossfade.act.measuring import begin, end
from crossfade.decide.measuring import LONGEST_SECONDS, measuring_pod
from crossfade.model.reading import Reading
from crossfade.model.volume import Subject, volume_place
from crossfade.observe.measured import finds_no_node, has_begun, reading_of, waits_for
from crossfade.ports import PODS, Cluster, ClusterError, Object, SourceError

log = logging.getLogger(__name__)

_AT_ONCE = 8
"""Pods, in all namespaces: what they read is other people's storage."""
_AT_ONCE_OF_A_NAMESPACE = 2
"""Whatever hangs in one namespace, the others have as many places of their own."""
_PAUSE_SECONDS = 1.0
_QUIET_LOOKS = 3
"""A start that takes no longer is nothing to tell."""
_START_SECONDS = 300.0
"""For a node, the image and the volume: to attach one can take minutes."""
_REMOVALS = 5
"""Tries to remove a pod, each after twice the pause of the one before: a pod that stays is removed by nobody else."""
_SHARE_WITHOUT_NODE = 0.2
"""Of that for a pod that finds no node: it has a place that others wait for."""


class Measurer:
    """The Volumes port. `image` is the operator's own. `pause` is between two looks at a pod, `start` what it is given
    to begin, both in seconds."""

    def __init__(
        self, cluster: Cluster, image: str, pause: float = _PAUSE_SECONDS, start: float = _START_SECONDS
    ) -> None:
        self._cluster = cluster
        self._image = image
        self._pause = pause
        self._start = start
        self._together = asyncio.Semaphore(_AT_ONCE)
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def read(self, subject: Subject, uri: str, say: Callable[[str], None]) -> Reading:
        """See ports.Volumes."""
        async with self._place(subject.namespace), self._pod(subject, uri) as made:
            await self._until_begun(made, uri, say)
            return await self._until_read(made)

    @asynccontextmanager
    async def _place(self, namespace: str) -> AsyncIterator[None]:
        share = self._shares.setdefault(namespace, asyncio.Semaphore(_AT_ONCE_OF_A_NAMESPACE))
        async with share, self._together:
            yield

    @asynccontextmanager
    async def _pod(self, subject: Subject, uri: str) -> AsyncIterator[Object]:
        """A pod that reads, as stored first. It is removed also when nobody waits for it any more."""
        body = measuring_pod(subject, uri, self._image)
        made = await begin(self._cluster, subject, body, self._pause, self._start)
        try:
            yield made
        finally:
            await self._remove(made)

    async def _remove(self, made: Object) -> None:
        """By one try where this was cancelled, as others wait for the end."""
        task = asyncio.current_task()
        for tries in itertools.count(1):
            try:
                return await end(self._cluster, made)
            except ClusterError as failure:
                if tries == _REMOVALS or (task is not None and task.cancelling()):
                    name = made["metadata"]["name"]
                    return log.warning("the pod %s stays until its ModelVersion goes: %s", name, failure)
            await asyncio.sleep(self._pause * 2 ** (tries - 1))

    async def _until_begun(self, made: Object, uri: str, say: Callable[[str], None]) -> None:
        """Wait until the volume is being read. Raises SourceError, which says what is missing."""
        now, said = asyncio.get_running_loop().time, ""
        began = now()
        for looks in itertools.count(1):
            pod = await self._look(made)
            if has_begun(pod):
                break
            reading_of(pod, made)
            why = waits_for(pod)
            limit = self._start * (_SHARE_WITHOUT_NODE if finds_no_node(pod) else 1.0)
            if now() - began > limit:
                name, place = made["metadata"]["name"], volume_place(uri)
                raise SourceError(
                    f"the claim {place.claim if place else uri} could not be read within {limit:.0f} s: {why}; "
                    f"`kubectl get events --field-selector involvedObject.name={name}` says more"
                )
            if looks > _QUIET_LOOKS and why != said:
                said = why
                say(said)
            await asyncio.sleep(self._pause)
        if said:
            say("")

    async def _until_read(self, made: Object) -> Reading:
        """Wait for the pod's last words. Raises SourceError."""
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                while True:
                    if (found := reading_of(await self._look(made), made)) is not None:
                        return found
                    await asyncio.sleep(self._pause)
        except TimeoutError:
            raise SourceError(f"the pod {made['metadata']['name']} did not end within {LONGEST_SECONDS} s") from None

    async def _look(self, made: Object) -> Object:
        """The pod as it is now. What cannot be seen for a moment is as it was. Raises SourceError."""
        metadata = made["metadata"]
        while True:
            try:
                return await self._cluster.get(PODS, metadata["namespace"], metadata["name"])
            except ClusterError as failure:
                if failure.status == HTTPStatus.NOT_FOUND:
                    raise SourceError(f"somebody deleted the pod {metadata['name']} while it read the volume") from None
                if failure.status == HTTPStatus.FORBIDDEN:
                    raise SourceError(f"the pod that reads the volume cannot be looked at: {failure}") from None
            await asyncio.sleep(self._pause)
