"""Specs of all kinds, valid ones and ones broken in one to three places, from a seed."""

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.cluster.crd_valid import DIGEST, PACKAGE, Spec

Schema = dict[str, Any]


_ANYTHING: list[Any] = [
    *(None, True, False, 0, 1, -1, 7, 100, 1.5, 5.0, -0.0, 2**31, 2**63, 2**64, 1e30, 1e300),
    *("", "x", "1", "true", "null", [], {}, [None], [[]], {"a": 1}, {"name": "x"}, ["x"], [{"name": "x"}]),
]
_TEXTS = [
    *("a", "A", "a-", "-a", "a.b", "a..b", "a.", "*", "*.a", "*.*.a", "a b", " a", "a ", "a\n", "\n", "\t/", "\x00"),
    *("é", "名前", "😀", "a\u0301", "\u00a0", "\u2028", "\u200b", "\ufeffa", "\u0661", "a\u202eb", "\x7f", "\u0085"),
    *("0s", "1ms", "720h", "721h", "719h60m", "719h59m59s1001ms", "1m1m", "5", "1.5h", "-1s", "1d", "0h0m0s0ms"),
    *("99999h99999h99999h99999h", "100000h", "1h1m1s1ms1h", "1H", "1us", "\u0661s"),
    *("0", "1", "1.0", "0.0", "0.5", "0.000000000", "0.0000000001", "0.999999999", ".5", "0.", "00.5", "1e-3", "-0.1"),
    *("v0", "v7", "v07", "v7\n", "a%b", "a?b", "a\\b", "a#b", "4711", "aB-9", "aB-", "wandb-registry-model"),
    *("1.5Gi", "1Ki", "1ki", "1e3", "1E", "0x1", "1 Gi", "1u", "-1", "+1", "1.", "1m", "999999999999999999"),
    *(
        "s3://b",
        "http://h/m",
        "https://h",
        "file:///m",
        "ftp://h",
        "HTTP://h",
        "http://a@b",
        "https://h/p?x",
        "Staging",
        "production",
        "s3://",
        "s3://b?x",
        "s3://b#x",
    ),
    *("http://a@b", "https://h/p?x", "Staging", "production"),
    *("s3://b k", "s3://名", "s3://b\u00a0c", "s3://b\u0085c", "http:", "https:", "1.2", "1.2.3", "01.2.3"),
    *("1.2.3-", "1.2.3-01", "1.2.3-a.b+c", "v1.2.3", "1.2.3+", "sha256:" + "A" * 64, "sha256:" + "a" * 63, DIGEST),
    *(
        "champion=yes",
        "champion",
        "=yes",
        "latest",
        "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "500ms",
        "0.02",
        "0.99",
        "9999999999999999",
        "1.0000000001",
        "-0",
        "default",
        "https://h/{rollout}",
        "https://h/{pod}",
        "{revision}",
        "{namespace}",
        "{pod}",
        "}",
        "_l",
    ),
    *(
        "{namespace}{revision}",
        "a/b/c",
        "own.errors",
        "Required",
        "GRPCRoute",
        "HTTPRoute",
        "a.B",
        "a.B.",
        ".a",
        "1a",
        "Rollback",
        "Seconds",
        "60s",
        "61s",
        "59s",
        "1m",
        "s",
    ),
    *(
        "mlserver",
        "custom",
        "load",
        "warm-up",
        "http",
        "MLServer",
        "Prefix",
        "exact",
        "mlserver/errors",
        "/",
        "//",
        "/a b",
        "/é",
        "/?",
        "/\u00a0",
    ),
    *(
        "https://ghcr.io/",
        "https://ghcr.io/a",
        "https://[fd12::5]:8443",
        "https://[::1",
        "http://h:p",
        "http://h:99999/m",
        "a:1",
        "a",
        "a:",
        "a:.b",
        "a:b_c",
        "A/b:1",
        "a__b:1",
        "a..b:1",
        "a-_b:1",
    ),
    *("a/b:1", "a//b:1", "/a:1", "a/:1", "h:5000/a:1", f"a@{DIGEST}", f"a:1@{DIGEST}", f"a:{'b' * 129}", "a@sha256:"),
    *("gs://b", "az://b", "gs://b/", "az://b/ ", "s3:///", "s3://b//", "gs://b@c", "az://c/a@b", "eu-central-1", "-eu"),
    *("risk1", "Risk1", "ab", "Approved", "Rejected", PACKAGE, f"{PACKAGE}0", PACKAGE.rpartition("/")[0], "a--b", "a-"),
    *("^1.2", "~1", ">=1.x <2", "1 || 2", "1||2", ">= 1", "1.x.3", "*", "24h", "24h1ms", "9s", "10s", "a" * 40),
    *("v1.2.3", "v01.2.3", "a:b", "a/b:c-d_e", ":a", "a:", "a-", "a/", "a//b/c", "a/b c", "a\\b"),
    *("latest", "LATEST", "v7", "V07", "v", "v7a", "champion", "challenger", "Outcome"),
    *("..", ".", "...", "a/../b", "a/..", ".a/..b/...c", "a/.", "a/ b$(X)%2e"),
    *("/a//b", "/.", "/a/..", "/..a", "/a/./b", "/a.", "/%2F", "/%2e", "/%", "/%zz", "/a;b=c,d", "/a|b"),
]
_NEIGHBOURS = [1, 2, 3, 4, 5, 6, 10, 20, 24, 25, 26, 50]  # the weights of the valid specs, and those beside them
_UNKNOWN = ["bogus", "", "min_duration", "minduration", "apiVersion", "名", "$ref", "x" * 300, "a/b", "a b", "UP"]


@dataclass(frozen=True)
class Site:
    """A place in a spec: `holder[key]`, and what the schema says of it (empty where it says nothing)."""

    holder: Any
    key: Any
    schema: Schema


def sites(holder: Any, key: Any, schema: Schema) -> Iterator[Site]:
    """Every place at and below `holder[key]`."""
    yield Site(holder, key, schema)
    value = holder[key]
    if isinstance(value, dict):
        below = schema.get("additionalProperties")
        for name in value:
            yield from sites(value, name, schema.get("properties", {}).get(name, below or {}))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from sites(value, index, schema.get("items", {}))


def _drop(site: Site, _: random.Random) -> None:
    del site.holder[site.key]


def _replace(site: Site, chance: random.Random) -> None:
    site.holder[site.key] = copy.deepcopy(chance.choice(_ANYTHING))


def _add_field(site: Site, chance: random.Random) -> None:
    target = site.holder[site.key]
    declared = [name for name in site.schema.get("properties", {}) if name not in target]
    name = chance.choice(declared if declared and chance.random() < 0.6 else _UNKNOWN)
    target[name] = copy.deepcopy(chance.choice([*_ANYTHING, *_TEXTS]))


def _crowd(site: Site, chance: random.Random) -> None:
    limit = site.schema.get("maxProperties", 16) + chance.randint(-2, 1)
    site.holder[site.key].update({f"k{number}": "1" for number in range(limit - len(site.holder[site.key]))})


def _edit_text(site: Site, chance: random.Random) -> None:
    text = site.holder[site.key]
    at = chance.randint(0, len(text))
    letter = chance.choice([*"aA0-._/: \n\x00é😀\u00a0", ""])
    site.holder[site.key] = text[:at] + letter + text[at + chance.randint(0, 1) :]


def _other_text(site: Site, chance: random.Random) -> None:
    site.holder[site.key] = chance.choice([*_TEXTS, *site.schema.get("enum", [])])


def _stretch(site: Site, chance: random.Random) -> None:
    text = site.holder[site.key] or "a"
    length = site.schema.get("maxLength", 64) + chance.randint(-1, 1)
    letter = chance.choice(["a", "9", text[-1], "é"])
    site.holder[site.key] = (text + letter * length)[:length]


def _edge_number(site: Site, chance: random.Random) -> None:
    low, high = site.schema.get("minimum", 0), site.schema.get("maximum", 100)
    edges = [low - 1, low, high, high + 1, float(low), high + 0.5, str(low), -high]
    site.holder[site.key] = chance.choice([*edges, *_NEIGHBOURS])


def _double(site: Site, chance: random.Random) -> None:
    items = site.holder[site.key]
    items.insert(chance.randint(0, len(items)), copy.deepcopy(chance.choice(items)) if items else {})


def _reorder(site: Site, chance: random.Random) -> None:
    chance.shuffle(site.holder[site.key])


def _lengthen(site: Site, chance: random.Random) -> None:
    items = site.holder[site.key]
    first = items[0] if items else {}
    for number in range(len(items), site.schema.get("maxItems", 16) + chance.randint(-1, 1)):
        named = isinstance(first, dict) and "name" in first
        item = {**copy.deepcopy(first), "name": f"n{number}"} if named else copy.deepcopy(first)
        if isinstance(item, dict) and "weight" in item:
            item["weight"] = 50 + number
        items.append(item)


def _append(site: Site, chance: random.Random) -> None:
    site.holder[site.key].append(copy.deepcopy(chance.choice(_ANYTHING)))


_Mutation = Callable[[Site, random.Random], None]
_OF_TYPE: dict[type, list[_Mutation]] = {
    dict: [_add_field, _add_field, _crowd],
    list: [_double, _reorder, _lengthen, _append],
    str: [_edit_text, _edit_text, _other_text, _other_text, _other_text, _stretch],
    int: [_edge_number],
    bool: [],
}


def mutated(spec: Spec, schema: Schema, chance: random.Random) -> Any:
    """A copy of the spec with one to three changes; it may happen to be valid still."""
    root = {"spec": copy.deepcopy(spec)}
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        places = [site for site in sites(root, "spec", schema) if site.holder is not root]
        if not places:
            break
        site = chance.choice(places)
        fitting = _OF_TYPE.get(type(site.holder[site.key]), [])
        mutation = chance.choice([*fitting, *fitting, _drop, _replace])
        mutation(site, chance)
    return root["spec"]
