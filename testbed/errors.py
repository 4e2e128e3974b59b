"""What the testbed raises."""


class TestbedError(Exception):
    """A sentence for a person: what failed, and what to do about it."""

    __test__ = False  # pytest must not collect it for its name
