"""What a registry should be told, of what it has acknowledged: level-triggered, so that an outage loses nothing."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from crossfade.api import meta
from crossfade.api.v1alpha1.writeback import (
    MOST_DOUBTS,
    MOST_MODELS,
    MOST_OUTCOMES,
    Doubt,
    GivenAlias,
    ToldOutcome,
    WriteBack,
    Written,
)
from crossfade.decide.going_back import MOST_ENDS
from crossfade.model.writing import Approve, Deed, Ended, Point, Registered, Release, Role, Stage, Tag, Told

_Holders = dict[str, list[str]]
"""Rollouts by the version that they have."""
_VERDICTS: Mapping[str, bool] = {"Promoted": True, "FastPromoted": True, "FastRolledBack": True, "RolledBack": False}
"""Whether a version is good by the way its rollout ended; one that others were taken back to was promoted before."""
_PROMOTIONS = frozenset(result for result, good in _VERDICTS.items() if good)
_LONGEST_WHY = 1024
_OF_ROLE: Mapping[Role, Literal["Champion", "Challenger"]] = {"champion": "Champion", "challenger": "Challenger"}


@dataclass(frozen=True, slots=True)
class _End:
    rollout: str
    what: Registered
    end: Ended


@dataclass(slots=True)
class Wanted:
    """What one model's Rollouts have come to. `ends` has the newest of each version, the newest first; an end of what
    was stable already is none."""

    champion: _Holders = field(default_factory=dict)
    challenger: _Holders = field(default_factory=dict)
    ends: dict[str, _End] = field(default_factory=dict)
    more: bool = False

    def holders(self, role: Role) -> _Holders:
        """Those of this role."""
        return self.champion if role == "champion" else self.challenger


@dataclass(frozen=True, slots=True)
class Telling:
    """`deeds` are what the registry has not acknowledged yet; `kept` is what it has, without what there is no room for.
    `differing` names Rollouts that disagree, `left_out` what there is no room for; both empty where all is well.
    """

    deeds: tuple[Deed, ...]
    kept: tuple[Written, ...]
    differing: str = ""
    left_out: str = ""


def telling(asked: WriteBack, told: Iterable[Told], written: Sequence[Written]) -> Telling:
    """What is to be written now."""
    wanted = _wanted(told)
    known = {one.name: one for one in written}
    open_ends = [one.name for one in written if _is_open(one) and one.name not in wanted]
    names = list(dict.fromkeys([*open_ends, *sorted(wanted), *sorted(known)]))[:MOST_MODELS]
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


def doubted(written: Sequence[Written], deed: Deed) -> list[Written]:
    """What the registry has acknowledged where it broke off while this was under way. An outcome needs no note: nothing
    takes it back, so it is told until it is acknowledged."""
    if isinstance(deed, Tag | Approve):
        return list(written)
    if isinstance(deed, Stage):
        doubt = Doubt(role="Stage", alias=deed.stage, version=deed.version)
    else:
        doubt = Doubt(role=_OF_ROLE[deed.role], alias=deed.alias, version=deed.version)
    known = {one.name: one for one in written}
    before = known.get(deed.model, Written(name=deed.model))
    others = [one for one in before.doubtful if one != doubt]
    known[deed.model] = before.model_copy(update={"doubtful": [*others, doubt][-MOST_DOUBTS:]})
    return [known[name] for name in sorted(known)]


def _news(before: Written, deed: Deed) -> dict[str, object]:
    match deed:
        case Point(role=role, alias=alias, version=version):
            left = [one for one in before.doubtful if one.role != _OF_ROLE[role]]
            return {role: GivenAlias(alias=alias, version=version), "doubtful": left}
        case Release(role=role, alias=alias, version=version):
            over = GivenAlias(alias=alias, version=version)
            left = [one for one in before.doubtful if one != Doubt(role=_OF_ROLE[role], alias=alias, version=version)]
            return {"doubtful": left} | ({role: None} if before.challenger == over else {})
        case Stage(stage=stage, version=version):
            open_ones = [one for one in _doubts(before, "Stage", stage) if one.version not in (version, deed.before)]
            left = [one for one in before.doubtful if one.role != "Stage" or one in open_ones]
            return {"stage": GivenAlias(alias=stage, version=version), "doubtful": left}
        case Tag() | Approve():
            said = ToldOutcome(fingerprint=deed.fingerprint, at=deed.at)
            return {"outcomes": _newest({**before.outcomes, deed.version: said}, MOST_OUTCOMES)}


def _is_open(known: Written) -> bool:
    """Whether a challenger's alias may be there."""
    return known.challenger is not None or any(one.role == "Challenger" for one in known.doubtful)


def _doubts(known: Written, role: str, alias: str) -> list[Doubt]:
    return [one for one in known.doubtful if (one.role, one.alias) == (role, alias)]


def _wanted(told: Iterable[Told]) -> dict[str, Wanted]:
    found: defaultdict[str, Wanted] = defaultdict(Wanted)
    for one in sorted(told, key=lambda one: one.rollout):
        if one.stable is not None:
            _hold(found[one.stable.model].champion, one.stable, one.rollout)
        if one.candidate is not None and one.candidate != one.stable:
            _hold(found[one.candidate.model].challenger, one.candidate, one.rollout)
        for what, end in _verdicts(one):
            ends = found[what.model].ends
            known = ends.get(what.version)
            if known is None or known.end.at < end.at:
                ends[what.version] = _End(one.rollout, what, end)
    for wanted in found.values():
        newest = sorted(wanted.ends.items(), key=lambda item: (item[1].end.at, item[0]), reverse=True)
        wanted.more = len(newest) > MOST_OUTCOMES
        wanted.ends = dict(newest[:MOST_OUTCOMES])
    return dict(found)


def _verdicts(told: Told) -> Iterator[tuple[Registered, Ended]]:
    """The ends that say something of a model. What was stable already when its rollout began was rolled out to be
    served otherwise, and the model may be as good as ever."""
    for number, end in enumerate(told.ends):
        if end.what is not None and not _was_stable(end.what, told, number):
            yield end.what, end


def _was_stable(what: Registered, told: Told, number: int) -> bool:
    """Whether this version was stable when the rollout of this number began. It may have been where the promotion
    before has no room in the history any more."""
    before = next((end for end in told.ends[number + 1 :] if end.result in _PROMOTIONS), None)
    if before is not None:
        return before.what == what
    if any(end.result in _PROMOTIONS for end in told.ends[: number + 1]):
        return len(told.ends) >= MOST_ENDS
    return told.stable == what


def _hold(holders: _Holders, what: Registered, rollout: str) -> None:
    holders.setdefault(what.version, []).append(rollout)


def _deeds(asked: WriteBack, model: str, wanted: Wanted, known: Written | None) -> Iterator[Deed]:
    """Aliases first: they are what others act upon."""
    known = known or Written(name=model)
    yield from _pointing(known, "champion", asked.champion, wanted.champion)
    yield from _staging(known, asked.stage, wanted.champion)
    releases = tuple(_releasing(known, asked.challenger, wanted.challenger))
    yield from releases
    if not releases:  # what is acknowledged has room for one alias, and one that is left behind must go on being said
        yield from _pointing(known, "challenger", asked.challenger, wanted.challenger)
    for version, one in wanted.ends.items():
        deed, said = _outcome(asked, one), known.outcomes.get(version)
        if deed is not None and (said is None or (said.fingerprint != deed.fingerprint and said.at <= deed.at)):
            yield deed


def _pointing(known: Written, role: Role, alias: str | None, holders: _Holders) -> Iterator[Deed]:
    if alias is None or len(holders) != 1:
        return
    version = next(iter(holders))
    given = known.champion if role == "champion" else known.challenger
    if given != GivenAlias(alias=alias, version=version) or _doubts(known, _OF_ROLE[role], alias):
        yield Point(known.name, role, alias, version)


def _staging(known: Written, stage: str | None, holders: _Holders) -> Iterator[Deed]:
    """What was given another stage, by what `stage` was before, stays there. What is in doubt may be in this one."""
    if stage is None or len(holders) != 1:
        return
    version, given = next(iter(holders)), known.stage
    before = given.version if given is not None and given.alias == stage and given.version != version else None
    doubts = _doubts(known, "Stage", stage)
    others = [one.version for one in doubts if one.version not in (version, before)]
    if given != GivenAlias(alias=stage, version=version) or (doubts and not others):
        yield Stage(known.name, stage, version, before)
    yield from (Stage(known.name, stage, version, one) for one in others)


def _releasing(known: Written, alias: str | None, holders: _Holders) -> Iterator[Deed]:
    """A challenger's alias that is over, or that has another name by now, of what it was given to and may have been."""
    given = [known.challenger] if known.challenger is not None else []
    may = [GivenAlias(alias=one.alias, version=one.version) for one in known.doubtful if one.role == "Challenger"]
    for one in [*given, *(other for other in may if other not in given)]:
        if not holders or one.alias != alias:
            yield Release(known.name, "challenger", one.alias, one.version)


def _outcome(asked: WriteBack, one: _End) -> Tag | Approve | None:
    """What is said of how a rollout ended. An order of people, or another version, is no verdict on the model."""
    what, end = one.what, one.end
    if asked.tags is not None:
        record = _record(one, asked.evidence)
        # of MLflow's names, as releases before had it: what they told needs no other
        fingerprint = _fingerprint({f"{meta.GROUP}/{name}": text for name, text in record.items()})
        return Tag(what.model, what.version, record, fingerprint, end.at)
    if asked.approval is not None and end.result in _VERDICTS:
        approved = _VERDICTS[end.result]
        # Another address is no news of the verdict, over which somebody may have decided otherwise since.
        fingerprint = _fingerprint({"approved": str(approved), "why": _why(one, "")})
        why = _why(one, f" ({_link(asked.evidence, one)})" if asked.evidence is not None else "")
        return Approve(what.model, what.version, what.uri, approved, why, fingerprint, end.at)
    return None


def _why(one: _End, shown: str) -> str:
    end = one.end
    return f"{end.result} by the Rollout {one.rollout} at {end.at}{shown}: {end.message}"[:_LONGEST_WHY]


def _record(one: _End, evidence: str | None) -> Mapping[str, str]:
    end = one.end
    said = {
        "outcome": end.result,
        "reason": f"{end.cause}: {end.message}",
        "rollout": one.rollout,
        "evidence": f"{one.rollout}/{end.revision}",
        "at": end.at,
        "digest": one.what.digest,
    }
    return said if evidence is None else {**said, "link": _link(evidence, one)}


def _link(address: str, one: _End) -> str:
    """The address with what this rollout has for the names in it."""
    namespace, _, rollout = one.rollout.partition("/")
    named = {"namespace": namespace, "rollout": rollout, "revision": one.end.revision, "at": one.end.at}
    for name, text in named.items():
        address = address.replace(f"{{{name}}}", quote(text, safe=""))
    return address


def _fingerprint(said: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _pruned(known: Written, wanted: Wanted) -> Written:
    """What nobody speaks of any more is kept as long as there is room beside what is: it may be spoken of again."""
    spoken = {version: said for version, said in known.outcomes.items() if version in wanted.ends}
    others = {version: said for version, said in known.outcomes.items() if version not in wanted.ends}
    room = MOST_OUTCOMES - len(wanted.ends)
    return known.model_copy(update={"outcomes": {**spoken, **_newest(others, room)}})


def _newest(outcomes: Mapping[str, ToldOutcome], most: int) -> dict[str, ToldOutcome]:
    found = sorted(outcomes.items(), key=lambda item: (item[1].at, item[0]), reverse=True)
    return dict(sorted(found[:most]))


def _differing(asked: WriteBack, wanted: Mapping[str, Wanted]) -> str:
    """The first model whose Rollouts disagree, and who they are."""
    roles: tuple[tuple[Role, str, str | None], ...] = (
        ("champion", "alias", asked.champion),
        ("champion", "stage", asked.stage),
        ("challenger", "alias", asked.challenger),
    )
    for model in sorted(wanted):
        for role, what, name in roles:
            holders = wanted[model].holders(role)
            if name is not None and len(holders) > 1:
                those = "; ".join(f"{', '.join(holders[one][:4])} version {one}" for one in list(holders)[:4])
                have = "have as stable" if role == "champion" else "roll out"
                return (
                    f"the Rollouts of the model {model} {have} different versions ({those}), so its {what} {name} "
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
