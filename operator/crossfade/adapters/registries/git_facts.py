"""What a commit and DVC's files in it tell of a model: who committed it, and what the stage that made it ran on.

Of what others wrote nothing is certain: what is not as expected is left out.
"""

import asyncio
from collections.abc import Iterator, Mapping
from posixpath import normpath
from typing import Any, Final

from crossfade.adapters.address import shown_or_none
from crossfade.adapters.dvc_layout import LOCK, PIPELINE
from crossfade.adapters.git_models import Commit, GitModels
from crossfade.adapters.json_object import json_object
from crossfade.api.v1alpha1.facts import Dataset, Evaluation, Facts, Lineage, Provenance, Score, Tags
from crossfade.model.loose import at, member, objects, text
from crossfade.ports import SourceError
from crossfade.yaml_object import yaml_object

Json = dict[str, Any]
_MOST: Final = 64
_MOST_METRICS: Final = 16
_DEEPEST: Final = 8


Maker = tuple[str, int]
"""Name and time, in Unix seconds, of who made a version; empty and 0 where they are not known."""


async def facts(models: GitModels, commit: Commit, path: str, tags: Mapping[str, str], maker: Maker) -> Facts:
    """Lineage, metrics, tags and provenance of the model at this path. Raises SourceError."""
    folder, stage, pipeline = await _stage(models, commit, path)
    metrics = list(_metrics(folder, stage, pipeline))
    measured = [await _small(models, commit, name) for name in metrics[:_MOST_METRICS]]
    scores = await asyncio.to_thread(lambda: [score for content in measured for score in _scores(content)])
    return Facts(
        lineage=Lineage(
            origin="Registry",
            git_commit=commit.oid,
            git_repository=models.server.shown,
            user=commit.said["name"] or None,
            source=_command(stage.get("cmd")),
            datasets=list(_datasets(folder, stage)),
            parameters=_parameters(member(stage, "params")),
        ),
        evaluation=Evaluation(origin="Registry", scores=scores) if scores else None,
        provenance=_provenance(text(maker[0]), at(maker[1])),
        tags=Tags(origin="Registry", values=dict(tags)) if tags else None,
    )


def author(commit: Commit) -> Maker:
    """Who wrote the commit."""
    return commit.said["name"], int(commit.said["at"])


def _provenance(who: str | None, when: str | None) -> Provenance | None:
    return Provenance(origin="Registry", created_by=who, created_at=when) if who or when else None


async def _small(models: GitModels, commit: Commit, path: str) -> bytes:
    """A file's content, of Git's and not larger than a first piece; empty where there is none such."""
    try:
        oid = commit.tree.file(path)
    except SourceError:
        return b""
    size, head = await models.server.size(oid) if oid else (0, b"")
    return head if size == len(head) else b""


async def _stage(models: GitModels, commit: Commit, path: str) -> tuple[str, Json, Json]:
    """The stage of the nearest dvc.lock that made the model: its folder, what the lock says of it, and what dvc.yaml
    says, in which the stage's metrics are."""
    folders = [path.rsplit("/", count)[0] for count in range(1, path.count("/") + 1)] + [""]
    for folder in folders:
        lock, yaml = (f"{folder}/{name}".lstrip("/") for name in (LOCK, PIPELINE))
        notes = await models.notes(commit, [lock, yaml])
        stages = member(await _read(notes.get(lock, b"")), "stages")
        pipeline = await _read(notes.get(yaml, b""))
        for name, stage in stages.items():
            told = member(member(pipeline, "stages"), name)
            inner = _joined(folder, text(told.get("wdir")) or ".")
            if isinstance(stage, dict) and any(_made(inner, out, path) for out in objects(stage.get("outs"))):
                return inner, stage, {"stage": told, "metrics": pipeline.get("metrics"), "folder": folder}
    return "", {}, {}


async def _read(content: bytes) -> Json:
    return await asyncio.to_thread(lambda: yaml_object(content) or {})


def _made(folder: str, out: Mapping[str, Any], path: str) -> bool:
    made = _joined(folder, str(out.get("path")))
    return path == made or path.startswith(f"{made}/")


def _datasets(folder: str, stage: Json) -> Iterator[Dataset]:
    """What the stage read, with the MD5 that DVC saw."""
    for one in objects(stage.get("deps"))[:_MOST]:
        path, md5 = text(one.get("path")), text(one.get("md5"))
        name = shown_or_none(path) if path and "://" in path else path and _joined(folder, path)
        if name:
            yield Dataset(name=name, digest=f"md5:{md5}" if md5 else None)


def _parameters(files: Json) -> dict[str, str]:
    """All values of all files, by their names."""
    listed = (values for values in files.values() if isinstance(values, dict))
    return {name: str(value)[:512] for values in listed for name, value in values.items() if isinstance(name, str)}


def _command(told: object) -> str | None:
    lines = told if isinstance(told, list) else [told]
    return " && ".join(line for line in lines if isinstance(line, str)) or None


def _metrics(folder: str, stage: Json, pipeline: Json) -> Iterator[str]:
    """The files of the stage's metrics, and those that dvc.yaml names for all."""
    for base, listed in (
        (folder, member(pipeline, "stage").get("metrics") if stage else None),
        (str(pipeline.get("folder", "")), pipeline.get("metrics")),
    ):
        for one in listed if isinstance(listed, list) else ():
            name = next(iter(one), None) if isinstance(one, dict) else one
            if isinstance(name, str) and not name.startswith("/"):
                yield _joined(base, name)


def _scores(content: bytes) -> Iterator[Score]:
    said = json_object(content) or yaml_object(content) or {}
    for name, value in _numbers(said, "", 0):
        yield Score(metric=name, value=str(value))


def _numbers(said: Mapping[str, Any], before: str, depth: int) -> Iterator[tuple[str, float]]:
    for key, value in said.items():
        if isinstance(value, dict) and depth < _DEEPEST:
            yield from _numbers(value, f"{before}{key}.", depth + 1)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{before}{key}", value


def _joined(folder: str, path: str) -> str:
    joined = normpath(f"{folder}/{path}" if folder else path)
    return "" if joined == "." else joined
