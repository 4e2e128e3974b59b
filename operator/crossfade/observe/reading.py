"""A model read once, wherever that is done: what its bytes are, and what its files say of it."""

import asyncio

from crossfade.model.reading import Reading
from crossfade.observe.contents import KEPT, facts_of
from crossfade.observe.formats.inspection import Inspection
from crossfade.observe.verify import measure
from crossfade.ports import Artifacts


async def read_model(artifacts: Artifacts, uri: str) -> Reading:
    """Hash and look at all files in one pass. Raises SourceError."""
    inspection = Inspection()
    measured = await measure(artifacts, uri, KEPT, inspection)
    facts = await asyncio.to_thread(facts_of, measured.kept)
    looked = {"serialization": inspection.result(), "signature": facts.signature or inspection.signature()}
    facts = facts.model_copy(update=looked)
    return Reading(measured.digest, measured.files, measured.size_bytes, facts, measured.weights)
