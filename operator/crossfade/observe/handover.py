"""A Reading as the last words of a container: packed, and if need be without what is told last.

Of one container Kubernetes keeps 4,096 bytes, and of all of a pod 12 KiB, each its share from the first byte on. What
others put beside the one that reads, as meshes do, takes from that, so the words begin with what matters and then say
all again.
"""

import base64
import json
import zlib
from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError

from crossfade.api.v1alpha1.facts import Facts, Serialization
from crossfade.model.reading import Reading

MOST_BYTES: Final = 4096
LEAST_BYTES: Final = 1024
"""What comes first is no longer, which is the share of each of twelve containers."""
_MOST_UNPACKED: Final = 256 << 10
_MARK: Final = "crossfade-reading:"
_LEFT_OUT_FIRST: Final = ("evaluation", "card", "provenance", "lineage", "environment", "signature")


def packed(reading: Reading) -> str:
    """The reading in two lines of ASCII, 4,096 bytes together: digest, formats and the verdict on pickles; and all that
    there is room for. What there is none for is left out, group by group; last are names of what pickles import and of
    their files, of which half remains each time."""
    least = _least(reading)
    for facts in _smaller(reading.facts):
        text = f"{least}\n{_text(reading, facts)}"
        if len(text) <= MOST_BYTES:
            return text
    return least


def unpacked(text: str) -> Reading | None:
    """The reading that these words are, as far as they were kept; None where they are something else, whoever wrote
    them."""
    least, _, whole = text.partition("\n")
    return _read(whole) or _read(least)


def _read(line: str) -> Reading | None:
    if not line.startswith(_MARK):
        return None
    try:
        unpacking = zlib.decompressobj()
        raw = unpacking.decompress(base64.b64decode(line.removeprefix(_MARK), validate=True), _MOST_UNPACKED)
        told: Any = json.loads(raw)
        facts = Facts.model_validate(told["facts"])
        found = Reading(str(told["digest"]), int(told["files"]), int(told["sizeBytes"]), facts, told.get("weights"))
    except (ValueError, OverflowError, ValidationError, RecursionError, KeyError, TypeError, zlib.error):
        return None
    return found if facts.serialization is not None else None


def _least(reading: Reading) -> str:
    """What every reading comes to without names; where they alone are too many, also without formats."""
    stored = reading.facts.serialization
    bare = stored and stored.model_copy(update={"suspects": {}, "imports": []})
    text = _text(reading, Facts(serialization=bare))
    if bare is not None and len(text) > LEAST_BYTES:
        return _text(reading, Facts(serialization=bare.model_copy(update={"formats": []})))
    return text


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
