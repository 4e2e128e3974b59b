"""Would catch a range that holds a version which npm's does not, and the other way round."""

import re

import pytest
from crossfade.api.v1alpha1.spelling import RANGE
from crossfade.decide.ranges import contains, newest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

# what node-semver's own tests (fixtures/range-include.js, range-exclude.js) say, as far as the syntax is ours
INSIDE = [
    ("1.0.0", "1.0.0"),
    ("*", "0.2.4"),
    (">=1.0.0", "1.0.0"),
    (">=1.0.0", "1.1.0"),
    (">1.0.0", "1.0.1"),
    ("<=2.0.0", "2.0.0"),
    ("<=2.0.0", "0.2.9"),
    ("<2.0.0", "1.9999.9999"),
    (">=0.1.97", "0.1.97"),
    ("0.1.20 || 1.2.4", "1.2.4"),
    (">=0.2.3 || <0.0.1", "0.0.0"),
    (">=0.2.3 || <0.0.1", "0.2.4"),
    ("2.x.x", "2.1.3"),
    ("1.2.x", "1.2.3"),
    ("1.2.x || 2.x", "2.1.3"),
    ("x", "1.2.3"),
    ("2.*.*", "2.1.3"),
    ("~2.4", "2.4.5"),
    ("~1", "1.2.3"),
    ("~1.0", "1.0.2"),
    (">=1", "1.0.0"),
    ("<1.2", "1.1.1"),
    ("~0.0.1", "0.0.1"),
    ("~0.0.1", "0.0.2"),
    ("~1.2.1 >=1.2.3", "1.2.3"),
    ("~1.2.1 =1.2.3", "1.2.3"),
    ("<=7.x", "7.9.9"),
    ("^1.2.3", "1.8.1"),
    ("^0.1.2", "0.1.2"),
    ("^0.1", "0.1.2"),
    ("^0.0.1", "0.0.1"),
    ("^1.2 ^1", "1.4.2"),
    ("^1.2.3-alpha", "1.2.3-pre"),
    ("^1.2.0-alpha", "1.2.0-pre"),
    ("^0.0.1-alpha", "0.0.1-beta"),
    ("^0.0.1-alpha", "0.0.1"),
    ("^0.1.1-alpha", "0.1.1-beta"),
    ("^x", "1.2.3"),
    ("<=7.x", "7.0.0"),
    (">1.2.3-rc.1", "1.2.3-rc.2"),
    ("~1.2.3-beta", "1.2.3-beta.5"),
    (">1.2", "1.3.0"),
    (">1", "2.0.0"),
]
OUTSIDE = [
    ("^1.2.3", "2.0.0-alpha"),
    ("^1.2.3", "1.2.2"),
    ("^1.2", "1.1.9"),
    ("1.0.0", "1.0.1"),
    (">=1.0.0", "0.0.0"),
    (">=1.0.0", "0.1.0"),
    (">1.0.0", "0.0.1"),
    ("<=2.0.0", "3.0.0"),
    ("<2.0.0", "2.0.0"),
    (">=0.2.3 || <0.0.1", "0.0.3"),
    ("2.x.x", "1.1.3"),
    ("2.x.x", "3.1.3"),
    ("1.2.x", "1.3.3"),
    ("1.2.x || 2.x", "3.1.3"),
    ("~2.4", "2.5.0"),
    ("~2.4", "2.3.9"),
    ("~1", "2.2.3"),
    ("~1.0", "1.1.0"),
    ("<1", "1.0.0"),
    (">=1.2", "1.1.1"),
    ("~0.0.1", "0.1.0-alpha"),
    ("~0.0.1", "0.1.0"),
    ("<1", "1.0.0-beta"),
    ("=0.7.x", "0.8.2"),
    (">=0.7.x", "0.6.2"),
    ("<0.7.x", "0.7.2"),
    ("<0.7.x", "0.7.0-beta"),
    ("<1.2.3", "1.2.3-beta"),
    ("=1.2.3", "1.2.3-beta"),
    (">1.2", "1.2.8"),
    (">1", "1.9.0"),
    ("^0.0.1", "0.0.2-alpha"),
    ("^0.0.1", "0.0.2"),
    ("^1.2.3-beta", "1.3.0-alpha"),
    (">*", "1.0.0"),
    ("<x", "1.0.0"),
    ("*", "1.2.3-rc.1"),
    (">1.2.3-rc.1", "1.2.4-rc.2"),
    (">1.2 <1.3.0-rc.5", "1.3.0-rc.2"),
    (">1 <2.0.0-rc.5", "2.0.0-rc.1"),
    (">1.2 >=1.3.0-rc.1", "1.3.0-rc.2"),
]


@pytest.mark.parametrize(("text", "version"), INSIDE)
def test_what_npm_takes(text: str, version: str) -> None:
    assert re.fullmatch(RANGE, text)
    assert contains(text, Version.parse(version))


@pytest.mark.parametrize(("text", "version"), OUTSIDE)
def test_what_npm_does_not_take(text: str, version: str) -> None:
    assert re.fullmatch(RANGE, text)
    assert not contains(text, Version.parse(version))


@pytest.mark.parametrize(
    "text", ["", " ", "1.2.3 - 2.0.0", "v1.0.0", ">= 1.0.0", "1.0.0||2", "latest", "1.2.3.4", "01.0.0", "^", "1.x.3"]
)
def test_what_is_no_range_of_ours_is_refused(text: str) -> None:
    assert not re.fullmatch(RANGE, text)


NAMES = ["7", "latest", "v1.2.0", "1.10.0", "1.9.0", "2.0.0-rc.1", "1.11.0-beta", "x" * 400, "", "1.2"]


def test_the_newest_is_by_precedence_and_names_that_are_no_versions_are_passed_over() -> None:
    assert newest("^1", NAMES) == "1.10.0"
    assert newest("~1.2", NAMES) == "v1.2.0"
    assert newest("^1.11.0-0", NAMES) == "1.11.0-beta"
    assert newest("^3", NAMES) is None


SOME = st.builds(Version, *[st.integers(0, 3)] * 3, st.sampled_from([None, "0", "alpha", "beta.2"]))
RANGES = st.from_regex(re.compile(RANGE), fullmatch=True)


@given(RANGES, st.lists(SOME, max_size=12), st.randoms(use_true_random=False))
def test_the_newest_is_in_the_range_above_all_others_and_whatever_their_order(text, versions, dice) -> None:
    names = [str(version) for version in versions]
    found = newest(text, names)
    inside = [version for version in versions if contains(text, version)]
    assert (found is None) == (not inside)
    assert found is None or all(Version.parse(found) >= version for version in inside)
    dice.shuffle(names)
    assert newest(text, names) == found


@given(SOME, SOME)
def test_a_caret_promises_what_semver_does(low: Version, version: Version) -> None:
    if version.prerelease is None and low.prerelease is None:
        kept = [low.major, low.minor, low.patch]
        first = next((at for at, number in enumerate(kept) if number), 2)
        same = (version.major, version.minor, version.patch)[: first + 1] == tuple(kept[: first + 1])
        assert contains(f"^{low}", version) == (same and version >= low)
