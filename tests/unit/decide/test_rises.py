"""Would catch a number that is taken to promise more, or less, than SemVer and npm's `^` say."""

import pytest
from crossfade.decide.ranges import contains
from crossfade.decide.rises import Rise, least, rise
from hypothesis import assume, given
from hypothesis import strategies as st
from semver import Version

NUMBERS = st.builds(Version, *[st.integers(0, 3)] * 3)
ANY = st.one_of(
    NUMBERS, st.builds(lambda one, pre: one.replace(prerelease=pre), NUMBERS, st.sampled_from(["a", "rc.1"]))
)


@pytest.mark.parametrize(
    ("before", "after", "allowed", "right"),
    [
        ("1.2.3", "1.2.3", Rise.NOTHING, {Rise.PACKAGING: "1.2.4", Rise.MODEL: "1.3.0", Rise.INTERFACE: "2.0.0"}),
        ("1.2.3", "1.2.4", Rise.PACKAGING, {}),
        ("1.2.3", "1.2.4-rc.1", Rise.PACKAGING, {}),
        ("1.2.3", "1.3.0", Rise.MODEL, {}),
        ("1.2.3", "1.3.0-rc.1", Rise.MODEL, {}),
        ("1.2.3", "2.0.0-rc.1", Rise.INTERFACE, {}),
        ("1.2.3", "4.5.6", Rise.INTERFACE, {}),
        ("0.2.3", "0.2.4", Rise.MODEL, {Rise.PACKAGING: "0.2.4", Rise.MODEL: "0.2.4", Rise.INTERFACE: "0.3.0"}),
        ("0.2.3", "0.3.0", Rise.INTERFACE, {}),
        ("0.2.3", "1.0.0", Rise.INTERFACE, {}),
        ("0.0.3", "0.0.4", Rise.INTERFACE, {Rise.PACKAGING: "0.0.4", Rise.INTERFACE: "0.0.4"}),
        ("0.0.3", "0.0.3", Rise.INTERFACE, {}),
        ("1.2.3-rc.1", "1.2.3-rc.1", Rise.NOTHING, {Rise.PACKAGING: "1.2.3-rc.2", Rise.INTERFACE: "1.2.3-rc.2"}),
        ("1.2.3-beta", "1.2.3-beta", Rise.NOTHING, {Rise.MODEL: "1.2.3-beta.1"}),
        ("1.2.3+a", "1.2.3+b", Rise.NOTHING, {Rise.PACKAGING: "1.2.4"}),
    ],
)
def test_what_a_number_allows(before: str, after: str, allowed: Rise, right: dict[Rise, str]) -> None:
    one, other = Version.parse(before), Version.parse(after)
    assert rise(one, other) is allowed
    assert {needed: str(least(one, needed)) for needed in right} == right


@given(NUMBERS, NUMBERS)
def test_what_is_in_the_range_of_the_caret_keeps_the_interface_and_nothing_else_must(
    before: Version, after: Version
) -> None:
    assume(before < after)
    assert (rise(before, after) < Rise.INTERFACE) == contains(f"^{before}", after)


@given(NUMBERS, st.sampled_from([Rise.PACKAGING, Rise.MODEL, Rise.INTERFACE]), NUMBERS)
def test_the_version_that_is_proposed_is_the_lowest_that_allows_it(
    before: Version, needed: Rise, other: Version
) -> None:
    right = least(before, needed)
    assert right > before
    assert rise(before, right) >= needed
    if before < other < right:
        assert rise(before, other) < needed


@given(NUMBERS, NUMBERS, ANY)
def test_a_higher_number_never_allows_less(one: Version, other: Version, third: Version) -> None:
    before, lower, higher = sorted((one, other, third))
    assert before.prerelease is not None or rise(before, lower) <= rise(before, higher)
