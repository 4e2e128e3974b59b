"""Looking at bytes as if they streamed, for tests."""

from io import BytesIO

from crossfade.api.v1alpha1.facts import Serialization
from crossfade.observe.formats.inspection import FAULT, Inspection


def looked_at(content: bytes, path: str = "model.pkl", piece_bytes: int | None = None) -> Serialization:
    """What a model of this file is, which comes in pieces."""
    inspection = Inspection()
    file = inspection.create(path, len(content), BytesIO())
    step = piece_bytes or max(1, len(content))
    for at in range(0, len(content), step):
        file.write(content[at : at + step])
    file.close()
    found = inspection.result()
    assert FAULT not in found.suspects.values()
    return found
