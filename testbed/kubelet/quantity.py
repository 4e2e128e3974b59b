"""Kubernetes quantities such as 250m, 1.5 or 512Mi."""

import math
from decimal import Decimal

_SUFFIXES = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1)}
_SUFFIXES |= {letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)}
_SUFFIXES |= {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)}


def parse(text: str) -> Decimal:
    """A quantity in its base unit (cores, bytes). Raises ValueError when it is none."""
    number = text.rstrip("numkMGTPEKi")
    suffix = text[len(number) :]
    if suffix not in _SUFFIXES:
        raise ValueError(f"{text!r} is no quantity; write a number with a suffix such as m, Mi or Gi")
    return Decimal(number) * _SUFFIXES[suffix]


def in_units(text: str, divisor: str) -> int:
    """A quantity as a whole number of divisors, rounded up, as resourceFieldRef gives it ("0" means 1)."""
    unit = parse(divisor) or Decimal(1)
    return math.ceil(parse(text) / unit)
