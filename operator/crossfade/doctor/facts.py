"""What was seen of a cluster, in one frozen value. Objects are as the API server gave them, but for
Secrets and ConfigMaps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from crossfade.doctor.rights import Right
from crossfade.model.gateway import GatewayFacts
from crossfade.ports import Object, RawSeries


@dataclass(frozen=True, slots=True)
class Seen:
    """The objects of a kind. `trouble` says why they could not be read; `absent` is a kind that the API server does not
    know."""

    items: tuple[Object, ...] = ()
    trouble: str = ""
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Keys:
    """In which keys a Secret or a ConfigMap has something, and which are `empty`, never what they hold; `keys` is None
    where it is not there."""

    keys: frozenset[str] | None = None
    empty: frozenset[str] = frozenset()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class PrometheusFacts:
    """A Prometheus of an operator's configuration, by the `name` that Rollouts give it, which is empty where the
    configuration could not be read, and its `address`, fit to be shown. `namespaces` are those that the operator
    serves, empty where it serves all.

    `trouble` says why it gave nothing; it is `gone` where that is so for the operator too, and not only from here.
    `off` is by how many seconds its clock is ahead of the API server's. `up` are the series `up` of pods of revisions,
    `windows` what it has of a selector, or why it has nothing of it.
    """

    name: str
    address: str
    way: str = ""
    namespaces: tuple[str, ...] = ()
    trouble: str = ""
    gone: bool = False
    off: float = 0.0
    up: tuple[RawSeries, ...] = ()
    windows: Mapping[str, tuple[RawSeries, ...] | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that checks may look at.

    `now` is the API server's clock in unix seconds, `server` the version that it tells, `release` that of this program.
    `kinds` are by the plural names of LISTS, `expected` the fields that this program knows of each kind by the name of
    its definition. `leases` are by namespace and name, and so are `secrets` of ModelRegistries and the ConfigMaps of
    their `authorities`. `reviews` are for each operator's account: whether it has a right, or why that is not known.
    """

    now: float
    release: str
    server: str
    namespace: str | None = None
    kinds: Mapping[str, Seen] = field(default_factory=dict)
    expected: Mapping[str, frozenset[str]] = field(default_factory=dict)
    gateways: Mapping[tuple[str, str], GatewayFacts] = field(default_factory=dict)
    leases: Mapping[tuple[str, str], Seen] = field(default_factory=dict)
    reviews: Mapping[str, Mapping[Right, bool | str]] = field(default_factory=dict)
    secrets: Mapping[tuple[str, str], Keys] = field(default_factory=dict)
    authorities: Mapping[tuple[str, str], Keys] = field(default_factory=dict)
    prometheuses: tuple[PrometheusFacts, ...] = ()

    def all(self, plural: str) -> tuple[Object, ...]:
        """The objects of a kind, none where it could not be read."""
        return self.kinds.get(plural, Seen()).items

    def lacks(self, plural: str) -> bool:
        """Whether the API server does not know the kind."""
        return self.kinds.get(plural, Seen()).absent


def place(raw: Object) -> tuple[str, str]:
    """Namespace and name."""
    metadata = raw["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def shown(raw: Object) -> str:
    """Such as `ml/fraud`."""
    return "/".join(filter(None, place(raw)))


def condition(raw: Object, kind: str) -> Object | None:
    """The condition of this type, as stored."""
    listed = (raw.get("status") or {}).get("conditions") or ()
    return next((one for one in listed if one.get("type") == kind), None)


def counted(number: int, what: str) -> str:
    """Such as `1 Rollout` or `3 Rollouts`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def listed(names: Iterable[str], most: int = 5) -> str:
    """Names with commas between them, the first few of many."""
    found = sorted(set(names))
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")
