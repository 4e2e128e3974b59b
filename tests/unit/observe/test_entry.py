"""Would catch a Service whose endpoints are taken for right before they are, or doubted after they were."""

from typing import Any

import pytest
from crossfade.api import meta
from crossfade.model.workload import PodFacts, RevisionFacts
from crossfade.observe.routes import read_entry

SPLIT = {meta.ANNOTATION_SPLIT: '{"fraud-a": 2, "fraud-b": 1}'}
BOTH = {meta.LABEL_SERVES: "fraud"}


def service(selector: dict[str, str], annotations: dict[str, str] | None = None) -> dict[str, Any]:
    metadata = {"name": "fraud", "namespace": "ml", "resourceVersion": "7", "annotations": annotations or {}}
    return {"metadata": metadata, "spec": {"selector": selector}}


def revision(name: str, *pods: PodFacts) -> RevisionFacts:
    return RevisionFacts(name, name, "", len(pods), sum(pod.ready for pod in pods), 0.0, pods, {}, None)


def pod(name: str, *, ready: bool = True, serves: bool = True, leaving: bool = False) -> PodFacts:
    return PodFacts(name, ready, 0, serves=serves, leaving=leaving)


WORLD = {
    "fraud-a": revision("fraud-a", pod("a0"), pod("a1"), pod("a2", serves=False)),
    "fraud-b": revision("fraud-b", pod("b0")),
}


def slices(*names: str, ready: bool = True) -> list[dict[str, Any]]:
    """Two of them, as for many pods."""
    ends = [{"conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "name": name}} for name in names]
    return [{"endpoints": ends[:1]}, {"endpoints": ends[1:] or None}]


def said(selector: dict[str, str], listed: list[dict[str, Any]], known: int | None = None, **world: Any) -> str:
    found = read_entry(service(selector, SPLIT), listed, {**WORLD, **world}, known)
    (endpoints,) = found.parents
    assert (endpoints.observed_generation < found.generation) is bool(endpoints.message)
    return endpoints.message


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        (slices("a0", "a1", "b0"), ""),
        (slices("a0", "b0"), "lack 1 of the pods"),
        (slices("a0", "a1", "b0", ready=False), "lack 3 of the pods"),
        (slices("a0", "a1", "a2", "b0"), "still have 1 of the pods"),
        ([], "lack 3 of the pods"),
    ],
)
def test_of_a_split_exactly_the_labelled_pods_must_be_listed(listed: list[dict[str, Any]], words: str) -> None:
    assert words in said(BOTH, listed)
    assert bool(said(BOTH, listed)) is bool(words)


def test_as_many_pods_as_the_split_says_must_have_the_label() -> None:
    fewer = {"fraud-a": revision("fraud-a", pod("a0"), pod("a1", serves=False), pod("a2", serves=False))}
    assert "leads to 1 pods of fraud-a instead of 2" in said(BOTH, slices("a0", "b0"), **fewer)


def test_a_pod_on_its_way_out_is_not_missed() -> None:
    leaving = {"fraud-a": revision("fraud-a", pod("a0"), pod("a1"), pod("a2", ready=False, leaving=True))}
    assert said(BOTH, slices("a0", "a1", "b0"), **leaving) == ""


def test_of_one_arm_alone_all_its_ready_pods_must_be_listed_and_no_others() -> None:
    alone = {meta.LABEL_REVISION: "fraud-a"}
    assert said(alone, slices("a0", "a1", "a2")) == ""
    assert "lack 1" in said(alone, slices("a0", "a1"))
    assert "still have 1" in said(alone, slices("a0", "a1", "a2", "b0"))


def test_what_was_followed_once_is_not_doubted_when_a_pod_comes_or_goes() -> None:
    assert said(BOTH, slices("a0"), known=7) == ""
    assert said(BOTH, slices("a0"), known=6) != ""


@pytest.mark.parametrize("note", ["", "no JSON", "[]", '{"a": "x"}', "null"])
def test_a_note_that_somebody_wrote_over_says_nothing(note: str) -> None:
    found = read_entry(service(BOTH, {meta.ANNOTATION_SPLIT: note}), [], {}, None)
    assert found.weights == {}
