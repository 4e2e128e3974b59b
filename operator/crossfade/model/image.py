"""A model in an image that nodes can mount: where its files lie in it, and how a kubelet calls it."""

import re

MODELS = "models"
"""The folder of an image that has the model, as in KServe's modelcars."""
_PREFIX = "oci://"
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}$")


def image_reference(uri: str) -> str | None:
    """What a kubelet pulls for the address `oci://<host>/<repository>@sha256:<digest>`; None for any other."""
    found = uri.removeprefix(_PREFIX)
    return found if uri.startswith(_PREFIX) and digest_in(found) else None


def digest_in(reference: str) -> str | None:
    """The digest at the end of a reference, be it the whole of it; None where it names none."""
    found = _DIGEST.search(reference)
    return found[0] if found else None
