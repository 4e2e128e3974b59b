"""Would catch: a bit lost between two operators, a checkpoint too long for status, damage taken for evidence."""

import struct
import zlib
from base64 import b85encode
from contextlib import suppress
from dataclasses import fields, replace
from math import inf, nan
from random import Random

import pytest
from crossfade.decide.judge.checkpoint import LONGEST, decode, decode_traffic, encode, encode_traffic
from crossfade.decide.judge.traffic import fold_traffic
from crossfade.model.ledger import Calm, MetricLedger, Stratum, Totals, TrafficLedger
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.judge.builders import errors, folded, gauge, held_to, histogram, slower, window

FLOATS = st.floats(allow_nan=False)
COUNTS = st.integers(0, 2**60)


def some(of: st.SearchStrategy[float], most: int = 6) -> st.SearchStrategy[tuple[float, ...]]:
    return st.lists(of, max_size=most).map(tuple)


LEDGERS = st.builds(
    MetricLedger,
    end=FLOATS,
    looks=COUNTS,
    left=FLOATS,
    bounds=some(FLOATS),
    used=st.lists(COUNTS, max_size=3).map(tuple),
    worse=st.lists(some(FLOATS), max_size=3).map(tuple),
    over_floor=some(FLOATS),
    over_limit=some(FLOATS),
    milder=st.lists(some(FLOATS), max_size=3).map(tuple),
    lower=some(FLOATS),
    stable=st.builds(Totals, COUNTS, st.lists(COUNTS, max_size=3).map(tuple)),
    candidate=st.builds(Totals, COUNTS, st.lists(COUNTS, max_size=3).map(tuple)),
    strata=st.lists(st.builds(Stratum, COUNTS, COUNTS, COUNTS, some(FLOATS), some(FLOATS)), max_size=3).map(tuple),
    calm=st.builds(Calm, COUNTS, COUNTS, COUNTS, COUNTS),
    broken=st.lists(st.booleans(), max_size=5).map(tuple),
    crossed=FLOATS,
    value=st.one_of(st.none(), FLOATS),
    fault=st.text(max_size=20),
    behind=st.lists(st.tuples(st.text(max_size=20), FLOATS), max_size=3).map(tuple),
)


@settings(max_examples=100)
@given(LEDGERS)
def test_a_ledger_comes_back_bit_for_bit(ledger: MetricLedger) -> None:
    text = encode(ledger)
    assert text.isascii()
    assert text.isprintable()
    assert repr(decode(text)) == repr(ledger)  # unlike ==, it tells 0.0 from -0.0 and 1 from True


@settings(max_examples=50)
@given(st.builds(TrafficLedger, COUNTS, FLOATS, FLOATS, COUNTS, COUNTS, some(FLOATS, 20)))
def test_so_does_that_of_the_traffic(ledger: TrafficLedger) -> None:
    assert repr(decode_traffic(encode_traffic(ledger))) == repr(ledger)


def test_what_is_no_number_comes_back_too() -> None:
    assert repr(decode(encode(MetricLedger(lower=(nan, inf, -inf, -0.0))))) == repr(
        MetricLedger(lower=(nan, inf, -inf, -0.0))
    )


@pytest.mark.parametrize("metric", [errors(limit=0.05), slower(), gauge()], ids=lambda metric: metric.kind)
def test_whoever_goes_on_from_a_checkpoint_gets_the_same_ledgers(metric: object) -> None:
    rules, random = held_to(metric), Random(4)  # type: ignore[arg-type]
    kept = restored = MetricLedger()
    for number in range(30):
        end, slow = 15.0 * number, random.randrange(5)
        if rules.metrics[0].kind == "latency":
            seen = histogram((30, 9 + slow, 6, 3, slow // 2), (300, 90, 60, 20, 3), end)
        else:
            seen = window((slow, 30), (9, 300), end, value=94.0 + slow / 2, weight=10 + number // 5)
        kept, restored = folded(rules, seen, ledger=kept), decode(encode(folded(rules, seen, ledger=restored)))
    assert repr(restored) == repr(kept)


def test_traffic_goes_on_from_a_checkpoint_as_well() -> None:
    kept = restored = TrafficLedger()
    for number in range(30):
        seen = window((0, 30 + number), (0, 300), 15.0 * number)
        kept = fold_traffic(held_to(errors()), kept, 10, 30.0, seen)
        restored = decode_traffic(encode_traffic(fold_traffic(held_to(errors()), restored, 10, 30.0, seen)))
    assert repr(restored) == repr(kept)
    assert kept.total > 0


# --- its size ---


def grown(bounds: int, pods: int, strata: int) -> MetricLedger:
    """A latency's ledger late in a rollout, with floats that do not compress."""
    random = Random(7)

    def numbers(count: int) -> tuple[float, ...]:
        return tuple(random.lognormvariate(3, 4) for _ in range(count))

    counts = [tuple(random.randrange(10**top) for _ in range(bounds)) for top in (7, 6)]
    tails = ("".join(random.choices("bcdfghjklmnpqrstvwxz2456789", k=5)) for _ in range(pods))
    return MetricLedger(
        end=1795335697.1234,
        looks=160,
        left=random.random(),
        bounds=tuple(round(0.0013 * 1.37**k, 4) for k in range(bounds)),
        used=tuple(range(8)),
        worse=tuple(numbers(20) for _ in range(8)),
        over_floor=(0.0,) * 20,
        over_limit=numbers(20),
        milder=tuple(numbers(5) for _ in range(8)),
        lower=numbers(6),
        stable=Totals(10**7, counts[0]),
        candidate=Totals(10**6, counts[1]),
        strata=tuple(Stratum(5 * k, 10**6 + k, 10**7 + k, numbers(8), numbers(8)) for k in range(strata)),
        calm=Calm(123456, 10**7, 2, 1),
        behind=tuple((f"5f7c9d/fraud-5f7c9d-{tail}", 1795335600 + round(60 * random.random(), 3)) for tail in tails),
    )


def test_a_histograms_ledger_fits_into_4_kib() -> None:
    assert 3000 < len(encode(grown(bounds=24, pods=20, strata=5))) <= LONGEST == 4096


def test_of_a_histogram_no_more_strata_are_kept_than_fit() -> None:
    rules = held_to(slower())
    seen = [histogram((300, 90, 60, 20, 9), (3000, 900, 600, 200, 30), 15.0 * k) for k in range(1, 30)]
    ledger = folded(rules, *(replace(one, weight=k) for k, one in enumerate(seen)))
    assert len(ledger.used) == 3
    assert [one.weight for one in ledger.strata] == list(range(16, 29))


def test_one_that_does_not_fit_is_empty_rather_than_wrong() -> None:
    assert encode(grown(bounds=24, pods=200, strata=5)) == ""


def test_the_longest_that_fits_is_written() -> None:
    random = Random(3)
    noise = "".join(random.choices("bcdfghjklmnpqrstvwxz2456789", k=6000))
    lengths = [len(encode(MetricLedger(fault=noise[:size]))) for size in range(5100, 5500, 10)]
    near = next(size for size, length in zip(range(5100, 5500, 10), lengths, strict=True) if not length)
    assert max(len(encode(MetricLedger(fault=noise[:size]))) for size in range(near - 20, near)) == LONGEST


# --- its form ---


def test_its_form_is_the_one_written_down() -> None:
    """What an operator wrote before an upgrade is read after it: all first bytes of long floats, all second ones, …"""
    ledger = MetricLedger(end=1795335697.1234, looks=3, lower=(0.12345678901, 12345.75, 123456.75), fault="<&>")
    floats = struct.pack("<3d", 1795335697.1234, 0.12345678901, 123456.75)
    planes = bytes(floats[8 * number + place] for place in range(8) for number in range(3))
    rest = b'[{},3,1.0,[],[],[],[],[],[],[{},12345.75,{}],[0,[]],[0,[]],[],[0,0,0,0],[],0.0,null,"<&>",[]]'
    text = b85encode(zlib.compress(b"\3\0\0\0" + planes + rest, 9)).decode()
    assert encode(ledger) == "m1." + text.replace("<", ".").replace(">", ",").replace("&", ":")


# --- damage ---


def test_its_form_is_that_of_this_version() -> None:
    """Whoever changes a ledger's fields must give its checkpoint another version."""
    assert encode(MetricLedger()).startswith("m1.")
    assert encode_traffic(TrafficLedger()).startswith("t1.")
    assert " ".join(one.name for one in fields(MetricLedger)) == (
        "end looks left bounds used worse over_floor over_limit milder lower stable candidate strata calm broken"
        " crossed value fault behind"
    )
    assert " ".join(one.name for one in fields(TrafficLedger)) == "weight since end candidate total logs"


@pytest.mark.parametrize("text", ["", "m2.xyz", encode_traffic(TrafficLedger()), "nonsense"])
def test_another_version_is_refused_in_words(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"must begin with 'm1\.', not '.*': it is of another version, or of something else$"
    ):
        decode(text)


def packed(content: bytes) -> str:
    return "m1." + b85encode(zlib.compress(content)).decode().translate(str.maketrans("<>&", ".,:"))


EMPTY = b'[0.0,0,1.0,[],[],[],[],[],[],[],[0,[]],[0,[]],[],[0,0,0,0],[],0.0,null,"",[]]'
WHOLE = encode(MetricLedger(end=12.345678901234, behind=(("pod", 3.0),)))
DAMAGED = {
    "cut off": WHOLE[:-6],
    "nothing": "m1.",
    "no base 85": WHOLE[:9] + '"' + WHOLE[10:],
    "no zlib": "m1." + b85encode(b"something else").decode(),
    "something behind": "m1." + b85encode(zlib.compress(b"\0\0\0\0[]") + b"more").decode(),
    "too short": packed(b"\0"),
    "no JSON": packed(b"\0\0\0\0nothing"),
    "no list": packed(b"\0\0\0\0" + b"7"),
    "too few fields": packed(b"\0\0\0\0[1,2]"),
    "too few floats": packed(b"\0\0\0\0" + b"[{}" + b",[]" * 18 + b"]"),
    "floats cut off": packed(b"\xff\xff\0\0[]"),
    "no object where one must be": packed(b"\0\0\0\0[" + b",".join([b"1"] * 19) + b"]"),
    "no text": packed(b"\0\0\0\0\xff\xfe"),
    "a bomb": packed(b"\0\0\0\0" + b" " * (1 << 20) + EMPTY),
    "nested too deeply": packed(b"\0\0\0\0" + b"[" * 100_000),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_damage_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a checkpoint of \d+ characters is damaged and cannot be gone on from"):
        decode(text)


def test_what_is_not_damaged_is_read() -> None:
    assert decode(packed(b"\0\0\0\0" + EMPTY)) == MetricLedger()


@settings(max_examples=100)
@given(st.integers(3, len(WHOLE) - 1), st.characters(min_codepoint=32, max_codepoint=255))
def test_no_changed_character_is_taken_for_evidence(place: int, character: str) -> None:
    changed = WHOLE[:place] + character + WHOLE[place + 1 :]
    with suppress(ValueError):
        assert decode(changed) == decode(WHOLE)
