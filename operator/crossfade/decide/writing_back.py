"""What a registry should be told, of what it has acknowledged: level-triggered, so that an outage loses nothing."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from crossfade.api import meta
from crossfade.api.v1alpha1.writeback import MOST_MODELS, MOST_OUTCOMES, GivenAlias, WriteBack, Written
from crossfade.model.writing import Approve, Deed, Ended, Point, Registered, Release, Role, Tag, Told

_Holders = dict[str, list[str]]
"""Rollouts by the version that they have."""
_VERDICTS: Mapping[str, bool] = {"Promoted": True, "FastPromoted": True, "FastRolledBack": True, "RolledBack": False}
"""Whether a version is good by the way its rollout ended; one that others were taken back to was promoted before."""
_LONGEST_WHY = 1024


@dataclass(slots=True)
class Wanted:
    """What one model's Rollouts have come to. `ends` has the newest of each version, the newest first."""

    champion: _Holders = field(default_factory=dict)
    challenger: _Holders = field(default_factory=dict)
    ends: dict[str, tuple[str, Ended]] = field(default_factory=dict)
    more: bool = False

    def holders(self, role: Role) -> _Holders:
        """Those of this role."""
        return self.champion if role == "champion" else self.challenger


@dataclass(frozen=True, slots=True)
class Telling:
    """`deeds` are what the registry has not acknowledged yet; `kept` is what it has, without what nobody speaks of any
    more. `differing` names Rollouts that disagree, `left_out` what there is no room for; both empty where all is well.
    """

    deeds: tuple[Deed, ...]
    kept: tuple[Written, ...]
    differing: str = ""
    left_out: str = ""


def telling(asked: WriteBack, told: Iterable[Told], written: Sequence[Written]) -> Telling:
    """What is to be written now."""
    wanted = _wanted(told)
    known = {one.name: one for one in written}
    open_ends = [one.name for one in written if one.challenger is not None and one.name not in wanted]
    names = [*open_ends, *sorted(wanted)][:MOST_MODELS]
    deeds = [deed for name in names for deed in _deeds(asked, name, wanted.get(name, Wanted()), known.get(name))]
    kept = tuple(_pruned(known[name], wanted.get(name, Wanted())) for name in sorted(names) if name in known)
    return Telling(tuple(deeds), kept, _differing(asked, wanted), _left_out(asked, wanted))


def acknowledged(written: Sequence[Written], done: Iterable[Deed]) -> list[Written]:
    """What the registry has acknowledged once these were done, by name."""
    known = {one.name: one for one in written}
    for deed in done:
        before = known.get(deed.model, Written(name=deed.model))
        known[deed.model] = before.model_copy(update=_news(before, deed))
    return [known[name] for name in sorted(known)]


def _news(before: Written, deed: Deed) -> dict[str, object]:
    match deed:
        case Point(role=role, alias=alias, version=version):
            return {role: GivenAlias(alias=alias, version=version)}
        case Release(role=role):
            return {role: None}
        case Tag(version=version, fingerprint=fingerprint) | Approve(version=version, fingerprint=fingerprint):
            return {"outcomes": {**before.outcomes, version: fingerprint}}


def _wanted(told: Iterable[Told]) -> dict[str, Wanted]:
    found: defaultdict[str, Wanted] = defaultdict(Wanted)
    for one in sorted(told, key=lambda one: one.rollout):
        if one.stable is not None:
            _hold(found[one.stable.model].champion, one.stable, one.rollout)
        if one.candidate is not None:
            _hold(found[one.candidate.model].challenger, one.candidate, one.rollout)
        for end in one.ends:
            ends = found[end.what.model].ends
            known = ends.get(end.what.version)
            if known is None or known[1].at < end.at:
                ends[end.what.version] = (one.rollout, end)
    for wanted in found.values():
        newest = sorted(wanted.ends.items(), key=lambda item: (item[1][1].at, item[0]), reverse=True)
        wanted.more = len(newest) > MOST_OUTCOMES
        wanted.ends = dict(newest[:MOST_OUTCOMES])
    return dict(found)


def _hold(holders: _Holders, what: Registered, rollout: str) -> None:
    holders.setdefault(what.version, []).append(rollout)


def _deeds(asked: WriteBack, model: str, wanted: Wanted, known: Written | None) -> Iterator[Deed]:
    """Aliases first: they are what others act upon."""
    known = known or Written(name=model)
    yield from _pointing(model, "champion", asked.champion, wanted.champion, known.champion)
    yield from _releasing(model, asked.challenger, wanted.challenger, known.challenger)
    yield from _pointing(model, "challenger", asked.challenger, wanted.challenger, known.challenger)
    for version, (rollout, end) in wanted.ends.items():
        deed = _outcome(asked, model, rollout, end)
        if deed is not None and known.outcomes.get(version) != deed.fingerprint:
            yield deed


def _pointing(model: str, role: Role, alias: str | None, holders: _Holders, known: GivenAlias | None) -> Iterator[Deed]:
    if alias is None or len(holders) != 1:
        return
    version = next(iter(holders))
    if known is None or (known.alias, known.version) != (alias, version):
        yield Point(model, role, alias, version)


def _releasing(model: str, alias: str | None, holders: _Holders, known: GivenAlias | None) -> Iterator[Deed]:
    """A challenger's alias that is over, or that has another name by now."""
    if known is not None and (not holders or known.alias != alias):
        yield Release(model, "challenger", known.alias, known.version)


def _outcome(asked: WriteBack, model: str, rollout: str, end: Ended) -> Tag | Approve | None:
    """What is said of how a rollout ended. An order of people, or another version, is no verdict on the model."""
    if asked.tags is not None:
        tags = _tags(rollout, end)
        return Tag(model, end.what.version, tags, _fingerprint(tags))
    if asked.approval is not None and end.result in _VERDICTS:
        approved = _VERDICTS[end.result]
        why = f"{end.result} by the Rollout {rollout} at {end.at}: {end.message}"[:_LONGEST_WHY]
        fingerprint = _fingerprint({"approved": str(approved), "why": why})
        return Approve(model, end.what.version, end.what.uri, approved, why, fingerprint)
    return None


def _tags(rollout: str, end: Ended) -> Mapping[str, str]:
    said = {
        "outcome": end.result,
        "reason": f"{end.cause}: {end.message}",
        "rollout": rollout,
        "evidence": f"{rollout}/{end.revision}",
        "at": end.at,
        "digest": end.what.digest,
    }
    return {f"{meta.GROUP}/{name}": text for name, text in said.items()}


def _fingerprint(tags: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(tags, sort_keys=True).encode()).hexdigest()[:16]


def _pruned(known: Written, wanted: Wanted) -> Written:
    return known.model_copy(
        update={"outcomes": {version: mark for version, mark in known.outcomes.items() if version in wanted.ends}}
    )


def _differing(asked: WriteBack, wanted: Mapping[str, Wanted]) -> str:
    """The first model whose Rollouts disagree, and who they are."""
    roles: tuple[tuple[Role, str | None], ...] = (("champion", asked.champion), ("challenger", asked.challenger))
    for model in sorted(wanted):
        for role, alias in roles:
            holders = wanted[model].holders(role)
            if alias is not None and len(holders) > 1:
                those = "; ".join(f"{', '.join(holders[one][:4])} version {one}" for one in list(holders)[:4])
                have = "have as stable" if role == "champion" else "roll out"
                return (
                    f"the Rollouts of the model {model} {have} different versions ({those}), so its alias {alias} "
                    "stays where it is until they agree"
                )
    return ""


def _left_out(asked: WriteBack, wanted: Mapping[str, Wanted]) -> str:
    if len(wanted) > MOST_MODELS:
        most = f"only the first {MOST_MODELS} of {len(wanted)} models are written back"
        return f"{most}; spread them over several ModelRegistries"
    crowded = next((name for name in sorted(wanted) if wanted[name].more), None)
    if (asked.tags or asked.approval) is not None and crowded is not None:
        return f"only the newest {MOST_OUTCOMES} outcomes of the model {crowded} are written back"
    return ""
