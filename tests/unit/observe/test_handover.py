"""Catches a reading that has no room in a container's last words, and words that pass for one and are not."""

import base64
import hashlib
import json
import zlib
from typing import Any

import pytest
from crossfade.api.v1alpha1.facts import Facts
from crossfade.model.reading import Reading
from crossfade.observe.handover import LEAST_BYTES, MOST_BYTES, packed, unpacked
from hypothesis import given, settings
from hypothesis import strategies as st

DIGEST = "sha256:" + "0" * 64
WEIGHTS = "sha256:" + "1" * 64
SAFE = {"serialization": {"origin": "Artifact", "formats": ["ONNX"], "pickle": "None"}}


def reading(**facts: Any) -> Reading:
    return Reading(DIGEST, 3, 2**40, Facts.model_validate(SAFE | facts), WEIGHTS)


def incompressible(number: int) -> str:
    return hashlib.sha512(str(number).encode()).hexdigest()


def words(told: Any) -> str:
    return "crossfade-reading:" + base64.b64encode(zlib.compress(json.dumps(told).encode())).decode()


def test_what_has_room_comes_back_as_it_was() -> None:
    columns = [{"name": f"column-{number}", "type": "double"} for number in range(64)]
    whole = reading(signature={"origin": "Artifact", "inputs": columns}, card={"origin": "Artifact", "license": "mit"})
    assert unpacked(packed(whole)) == whole


def test_what_has_none_is_left_out_group_by_group_and_the_verdict_last_of_all() -> None:
    noise = [incompressible(number) for number in range(64)]
    whole = reading(
        card={"origin": "Artifact", "license": "mit", "tags": noise},
        signature={"origin": "Artifact", "inputs": [{"name": "x"}]},
    )
    found = unpacked(packed(whole))
    assert found == reading(signature={"origin": "Artifact", "inputs": [{"name": "x"}]})


@settings(max_examples=60)
@given(
    st.lists(st.text(max_size=253), max_size=64),
    st.dictionaries(st.text(min_size=1, max_size=253), st.text(max_size=512), max_size=128),
    st.sampled_from(["None", "Known", "Unreadable", "Unsafe"]),
)
def test_however_much_is_found_digest_and_verdict_are_handed_over(
    names: list[str], suspects: dict[str, str], verdict: str
) -> None:
    stored = {"origin": "Artifact", "formats": names, "pickle": verdict, "imports": names, "suspects": suspects}
    text = packed(reading(serialization=stored, card={"origin": "Artifact", "tags": names}))
    assert len(text.encode()) <= MOST_BYTES
    found = unpacked(text)
    assert found is not None
    assert (found.digest, found.files, found.size_bytes, found.weights) == (DIGEST, 3, 2**40, WEIGHTS)
    assert found.facts.serialization is not None
    assert found.facts.serialization.pickle == verdict


@settings(max_examples=60)
@given(
    st.lists(st.text(max_size=253), max_size=64),
    st.sampled_from(["None", "Known", "Unreadable", "Unsafe"]),
    st.integers(LEAST_BYTES, MOST_BYTES),
)
def test_digest_and_verdict_outlast_the_containers_that_a_mesh_puts_beside(
    names: list[str], verdict: str, share: int
) -> None:
    stored = {"origin": "Artifact", "formats": names, "pickle": verdict, "imports": names}
    whole = reading(serialization=stored, card={"origin": "Artifact", "tags": [incompressible(n) for n in range(32)]})
    found = unpacked(packed(whole)[:share])
    assert found is not None
    assert (found.digest, found.files, found.size_bytes, found.weights) == (DIGEST, 3, 2**40, WEIGHTS)
    assert found.facts.serialization is not None
    assert found.facts.serialization.pickle == verdict


def test_formats_outlast_them_too() -> None:
    formats = ["ONNX", "PyTorch", "safetensors", "TensorFlow SavedModel"]
    stored = {"origin": "Artifact", "formats": formats, "pickle": "Known", "imports": [incompressible(1)]}
    card = {"origin": "Artifact", "tags": [incompressible(number) for number in range(20)]}
    found = unpacked(packed(reading(serialization=stored, card=card))[:LEAST_BYTES])
    assert found is not None
    assert found.facts.serialization is not None
    assert found.facts.serialization.formats == formats


def test_the_first_suspects_outlast_the_others() -> None:
    suspects = {f"{number}.pkl": incompressible(number) for number in range(128)}
    found = unpacked(packed(reading(serialization={"origin": "Artifact", "pickle": "Unsafe", "suspects": suspects})))
    assert found is not None
    assert found.facts.serialization is not None
    kept = list(found.facts.serialization.suspects)
    assert 0 < len(kept) < 128
    assert kept == list(suspects)[: len(kept)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ready",
        "crossfade-reading:",
        "crossfade-reading:%%%",
        "crossfade-reading:" + base64.b64encode(b"no zlib").decode(),
        words([]),
        words({"digest": DIGEST}),
        words({"digest": DIGEST, "files": 1, "sizeBytes": 1, "facts": {}}),
        words(
            {
                "digest": DIGEST,
                "files": 1,
                "sizeBytes": 1,
                "facts": {"serialization": {"origin": "Artifact", "pickle": "Fine"}},
            }
        ),
        words({"digest": DIGEST, "files": [], "sizeBytes": 1, "facts": SAFE}),
        words({"digest": DIGEST, "files": float("inf"), "sizeBytes": 1, "facts": SAFE}),
        words({"digest": DIGEST, "files": 1, "sizeBytes": 1, "facts": SAFE, "more": " " * (1 << 20)}),
        "crossfade-reading:" + base64.b64encode(zlib.compress(b"[" * 100_000)).decode(),
    ],
)
def test_other_words_are_no_reading(text: str) -> None:
    assert unpacked(text) is None
