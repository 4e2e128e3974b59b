"""Would catch a tag by which nothing of a repository can be read any more."""

from crossfade.adapters import gto


def test_a_number_that_is_too_long_to_be_read_is_no_tag_of_gtos() -> None:
    commit = "0" * 40
    found = gto.event("fraud", "fraud#prod#12", commit, 1)
    assert found is not None
    assert (found.stage, found.number) == ("prod", 12)
    assert gto.event("fraud", "fraud#prod#" + "1" * 5000, commit, 1) is None
