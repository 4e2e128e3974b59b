"""The model card of the Hugging Face Hub, in its YAML or as JSON: what it says of the model's making, worth and use.

Nothing here can fail: what is not as expected is left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from crossfade.api.v1alpha1.facts import Card, Dataset, Evaluation, Facts, Lineage, Origin, Score
from crossfade.model.loose import member, objects, text

_MOST = 64


def card_facts(said: Mapping[str, Any], origin: Origin) -> Facts:
    """What the card's data says, which `origin` told us."""
    datasets = [Dataset(name=name) for name in _names(said.get("datasets"))]
    scores = list(_scores(said.get("model-index") or said.get("model_index")))
    return Facts(
        lineage=Lineage(origin=origin, datasets=datasets) if datasets else None,
        evaluation=Evaluation(origin=origin, scores=scores) if scores else None,
        card=_card(said, origin),
    )


def _card(said: Mapping[str, Any], origin: Origin) -> Card | None:
    found = Card(
        origin=origin,
        # `other` says nothing by itself: its name does
        license=next((name for key in ("license_name", "license") for name in _names(said.get(key))), None),
        base_models=_names(said.get("base_model")),
        library=text(said.get("library_name")),
        task=text(said.get("pipeline_tag")),
        tags=_names(said.get("tags")),
    )
    return found if found != Card(origin=origin) else None


def _scores(index: object) -> Iterator[Score]:
    """Of each model, of each of its results, of each of its metrics."""
    for result in (result for model in objects(index) for result in objects(model.get("results"))):
        dataset = member(result, "dataset")
        data = text(dataset.get("name")) or text(dataset.get("type"))
        for one in objects(result.get("metrics")):
            metric, value = text(one.get("name")) or text(one.get("type")), one.get("value")
            if metric and isinstance(value, int | float | str) and not isinstance(value, bool):
                yield Score(metric=metric, value=str(value), dataset=data)


def _names(value: object) -> list[str]:
    """One text or a list of them, each once."""
    listed = value if isinstance(value, list) else [value]
    return list(dict.fromkeys(name for item in listed if (name := text(item))))[:_MOST]
