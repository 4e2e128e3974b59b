"""The wall clock, and the time that passes whatever it says."""

import time


class SystemClock:
    """Time as this machine has it."""

    def now(self) -> float:
        """Unix seconds."""
        return time.time()


_RISING = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds since some moment; they pass too while the process is stopped and, on Linux, while the machine sleeps."""
    return time.clock_gettime(_RISING)
