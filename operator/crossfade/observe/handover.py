"""A Reading as the last words of a container, of which Kubernetes keeps 4,096 bytes: packed, and if need be without
what is told last."""

import base64
import json
import zlib
from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError

from crossfade.api.v1alpha1.facts import Facts, Serialization
from crossfade.model.reading import Reading

MOST_BYTES: Final = 4096
_MOST_UNPACKED: Final = 256 << 10
_MARK: Final = "crossfade-reading:"
_LEFT_OUT_FIRST: Final = ("evaluation", "card", "lineage", "environment", "signature")


def packed(reading: Reading) -> str:
    """The reading in 4,096 bytes of ASCII. What has no room is left out, group by group; last are names of what pickles
    import and of their files, of which half remains each time. The digest and the verdict always have room."""
    for facts in _smaller(reading.facts):
        text = _text(reading, facts)
        if len(text) <= MOST_BYTES:
            return text
    raise ValueError("a reading without names is larger than what has room for it")


def unpacked(text: str) -> Reading | None:
    """The reading that these words are; None where they are something else, whoever wrote them."""
    if not text.startswith(_MARK):
        return None
    try:
        unpacking = zlib.decompressobj()
        raw = unpacking.decompress(base64.b64decode(text.removeprefix(_MARK), validate=True), _MOST_UNPACKED)
        told: Any = json.loads(raw)
        facts = Facts.model_validate(told["facts"])
        found = Reading(str(told["digest"]), int(told["files"]), int(told["sizeBytes"]), facts, told.get("weights"))
    except (ValueError, ValidationError, RecursionError, KeyError, TypeError, zlib.error):
        return None
    return found if facts.serialization is not None else None


def _text(reading: Reading, facts: Facts) -> str:
    told = {
        "digest": reading.digest,
        "files": reading.files,
        "sizeBytes": reading.size_bytes,
        "weights": reading.weights,
        "facts": facts.to_json(),
    }
    raw = json.dumps(told, separators=(",", ":")).encode()
    return _MARK + base64.b64encode(zlib.compress(raw, 9)).decode()


def _smaller(facts: Facts) -> Iterator[Facts]:
    """The facts, and the same with less and less in them."""
    yield facts
    for group in _LEFT_OUT_FIRST:
        if getattr(facts, group) is not None:
            facts = facts.model_copy(update={group: None})
            yield facts
    stored = facts.serialization
    while stored is not None and (stored.suspects or stored.imports or stored.formats):
        stored = _halved(stored)
        yield facts.model_copy(update={"serialization": stored})


def _halved(stored: Serialization) -> Serialization:
    suspects = dict(list(stored.suspects.items())[: len(stored.suspects) // 2])
    imports = stored.imports[: len(stored.imports) // 2]
    formats = stored.formats if stored.suspects or stored.imports else []
    return stored.model_copy(update={"suspects": suspects, "imports": imports, "formats": formats})
