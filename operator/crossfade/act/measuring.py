"""Makes and removes the pod that reads a model on a volume."""

import asyncio
from http import HTTPStatus

from crossfade.decide.measuring import is_ours
from crossfade.model.volume import Subject
from crossfade.ports import PODS, Cluster, ClusterError, Object, SourceError


async def begin(cluster: Cluster, subject: Subject, body: Object, pause: float, patience: float) -> Object:
    """Make the pod, as soon as one that an operator of before has left is gone: nobody knows any more whether that is
    the one that was made. `pause` is between two tries, `patience` for all, in seconds. Returns the pod as stored.
    Raises SourceError."""
    name = body["metadata"]["name"]
    try:
        async with asyncio.timeout(patience):
            while True:
                try:
                    return await cluster.make(PODS, body)
                except ClusterError as failure:
                    if failure.status != HTTPStatus.CONFLICT:
                        raise
                await _clear(cluster, subject, name)
                await asyncio.sleep(pause)
    except TimeoutError:
        raise SourceError(f"the pod {name} of an earlier try did not go within {patience:.0f} s") from None
    except ClusterError as failure:
        raise SourceError(f"the pod {name}, which is to read the volume, cannot be made: {failure}") from None


async def end(cluster: Cluster, pod: Object) -> None:
    """Remove the pod, and no other that has its name by now. Raises ClusterError."""
    metadata = pod["metadata"]
    await cluster.delete(PODS, metadata["namespace"], metadata["name"], metadata["uid"])


async def _clear(cluster: Cluster, subject: Subject, name: str) -> None:
    """Remove what has the name. Raises SourceError where that is not ours, and ClusterError."""
    try:
        found = await cluster.get(PODS, subject.namespace, name)
    except ClusterError as failure:
        if failure.status == HTTPStatus.NOT_FOUND:
            return
        raise
    if not is_ours(found, subject):
        raise SourceError(f"there is a pod {name} that Crossfade has not made; delete it")
    if "deletionTimestamp" not in found["metadata"]:
        await end(cluster, found)
