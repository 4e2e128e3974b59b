"""The wall clock."""

import time


class SystemClock:
    """Time as this machine has it."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()
