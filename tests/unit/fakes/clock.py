"""A clock that stands still until it is moved."""


class FakeClock:
    """The Clock port; call it for seconds that only rise."""

    def __init__(self, at: float = 1_800_000_000.0) -> None:
        self.at = at

    def now(self) -> float:
        """See ports.Clock."""
        return self.at

    __call__ = now
