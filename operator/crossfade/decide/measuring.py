"""The pod that reads a model on a volume, which the operator cannot mount itself."""

import hashlib
from typing import Any

from crossfade.api import meta
from crossfade.decide.letting_in import claim_mount, claim_volume, plain
from crossfade.decide.workloads import RESTRICTED
from crossfade.model.volume import VOLUME_FOLDER, Subject, volume_place

MEASURER = "measure"
"""Name of the one container."""
LONGEST_SECONDS = 3900
"""From the pod's start, after which Kubernetes ends it: the hour that a model may take, and what comes before it."""
_MEMORY = "512Mi"

Json = dict[str, Any]


def measuring_pod(subject: Subject, uri: str, image: str) -> Json:
    """A pod that reads the model at `pvc://...` once. It goes with its ModelVersion, has no rights at the API server
    and nothing to write to. Its name is one for each ModelVersion, so that there are never two."""
    place = volume_place(uri)
    if place is None:
        raise ValueError(f"{uri!r} is on no volume")
    return {
        "metadata": {
            "name": pod_name(subject),
            "namespace": subject.namespace,
            "labels": {
                meta.LABEL_MEASURES: subject.name[:63].rstrip("-."),
                meta.LABEL_MANAGED_BY: "crossfade",
            },
            "ownerReferences": [_owner(subject)],
        },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": LONGEST_SECONDS,
            "terminationGracePeriodSeconds": 5,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "containers": [_container(uri, image)],
            "volumes": [claim_volume(place.claim)],
        },
    }


def pod_name(subject: Subject) -> str:
    """At most 63 characters. Two ModelVersions have two names, also when one has the other's name later."""
    told = hashlib.sha256(f"{subject.name}/{subject.uid}".encode()).hexdigest()[:10]
    return f"{subject.name[:44].rstrip('-.')}-measure-{told}"


def is_as_made(pod: Json, made: Json) -> bool:
    """Whether the words of the pod's container are its own: of `made`, as it was stored first, nothing was changed that
    can be, which is its image, nothing was put beside it, and it ran once."""
    spec, status = pod["spec"], pod.get("status", {})
    images = [[(one["name"], one["image"]) for one in whole["spec"]["containers"]] for whole in (pod, made)]
    again = any(one.get("restartCount", 0) for one in status.get("containerStatuses", ()) if one["name"] == MEASURER)
    return images[0] == images[1] and not spec.get("ephemeralContainers") and not again


def is_ours(pod: Json, subject: Subject) -> bool:
    """Whether a pod of this name was made for the ModelVersion, by an operator of before."""
    owners = [one.get("uid") for one in pod["metadata"].get("ownerReferences", ()) if one.get("controller")]
    return owners == [subject.uid] and meta.LABEL_MEASURES in pod["metadata"].get("labels", {})


def _owner(subject: Subject) -> Json:
    return {
        "apiVersion": meta.API_VERSION,
        "kind": "ModelVersion",
        "name": subject.name,
        "uid": subject.uid,
        "controller": True,
    }


def _container(uri: str, image: str) -> Json:
    return {
        "name": MEASURER,
        "image": image,
        "args": ["measure", "--uri", plain(uri), "--volume", VOLUME_FOLDER],
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"cpu": "1", "memory": _MEMORY},
        },
        "securityContext": {**RESTRICTED, "readOnlyRootFilesystem": True},
        "terminationMessagePolicy": "File",
        "volumeMounts": [claim_mount()],
    }
