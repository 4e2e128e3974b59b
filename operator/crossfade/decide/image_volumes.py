"""A model that pods mount as an image volume: which can be, what is mounted, and whether a node mounted another."""

from typing import Any

from crossfade.api import meta
from crossfade.api.v1alpha1.modelversion import Resolved
from crossfade.api.v1alpha1.overlay import containers
from crossfade.api.v1alpha1.serving import Serving
from crossfade.decide.mounting import is_within, lands_at
from crossfade.model.image import MODELS, digest_in, image_reference
from crossfade.model.workload import PodFacts, RevisionFacts

Json = dict[str, Any]
MODEL_DIR = "/mnt/models"
"""Where a model server finds its model, whichever way the files come there."""
IMAGE_DIR = MODEL_DIR.removesuffix(f"/{MODELS}")


def unmountable(serving: Serving, name: str, resolved: Resolved) -> str | None:
    """Why pods cannot mount the ModelVersion of this name as the spec asks; None when they can, or need not."""
    if serving.files != "ImageVolume":
        return None
    if resolved.image_id is None:
        return f"`spec.serving.files` must be `Loaded` for ModelVersion {name}: {_no_image(resolved)}"
    return next(filter(None, map(_covered, _servers(serving))), None)


def _no_image(resolved: Resolved) -> str:
    if image_reference(resolved.immutable_uri) is None:
        return "it is in no OCI registry, and pods can mount nothing but images from there"
    return (
        f"{resolved.immutable_uri} is no image with the model in /{MODELS}, as an artifact of ModelPack, KitOps or ORAS"
        " is none; or it was resolved by a release that did not note it, then create another ModelVersion of it"
    )


def _servers(serving: Serving) -> list[Json]:
    """What the template says of the container that serves, if anything: mounts of others over it are left out."""
    found = containers(serving.template)
    return found[:1] if serving.runtime == "custom" else [one for one in found if one.get("name") == "model"]


def _covered(container: Json) -> str | None:
    """A mount of a template beneath the place that the image has: nothing can be mounted into what is read-only."""
    for mount in container.get("volumeMounts") or ():
        path = lands_at(mount.get("mountPath") or "/")
        if is_within(path, IMAGE_DIR):
            return (
                f"`spec.serving.template.spec.containers`, in its container {container.get('name')}, must mount nothing"
                f" at {path} beside `files: ImageVolume`: the image is mounted at {IMAGE_DIR}"
            )
    return None


def image_volume(name: str, resolved: Resolved) -> Json:
    """The image that was read when the version was resolved, and no other, whatever its tag means by now."""
    return {
        "name": name,
        "image": {"reference": image_reference(resolved.immutable_uri), "pullPolicy": "IfNotPresent"},
    }


def image_mount(name: str) -> Json:
    """The whole image, whose folder of the model is then where models are served. A part of an image (`subPath`) is
    what many nodes do not know, and mount all of it without a word."""
    return {"name": name, "mountPath": IMAGE_DIR, "readOnly": True}


def called_by_nodes(resolved: Resolved) -> dict[str, str]:
    """The annotation with what nodes may call the image: by its manifest or by its config, as their runtime does."""
    names = (digest_in(resolved.immutable_uri), resolved.image_id)
    return {meta.ANNOTATION_IMAGE: ",".join(filter(None, names))}


def other_image(revision: RevisionFacts, pod: PodFacts) -> str | None:
    """The image that its node says the pod has mounted, when it is not the revision's. Most nodes do not say."""
    meant = revision.deployment.get("metadata", {}).get("annotations", {}).get(meta.ANNOTATION_IMAGE)
    named = ((one, digest_in(one)) for one in pod.images)
    return next((one for one, digest in named if meant and digest and digest not in meant.split(",")), None)
