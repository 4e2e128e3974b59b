"""What people write on a command line: shares such as `1%`, durations such as `15s`, multiples such as `5`."""

import re
from math import isfinite
from typing import NoReturn

import typer

_DURATION = r"([0-9]{1,5}(h|m|s|ms)){1,4}"


def share(flag: str, text: str, most: float = 1.0) -> float:
    """`1%` or `0.01`. Anything else ends the command with a sentence."""
    match = re.fullmatch(r"([0-9]*\.?[0-9]+)(%?)", text.strip())
    value = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= value <= most:
        refuse(f"{flag}: {text!r} must be a share such as 1% or 0.01, at most {most:.0%}")
    return value


def span(flag: str, text: str) -> float:
    """Seconds of a duration such as `15s`, `80ms` or `1h30m`."""
    from crossfade.api.v1alpha1.common import seconds

    if not re.fullmatch(_DURATION, text.strip()) or seconds(text) <= 0:
        refuse(f"{flag}: {text!r} must be a duration such as 80ms, 15s or 1h30m")
    return seconds(text)


def numbers(flag: str, text: str) -> list[float]:
    """Numbers above 0 with commas between them, such as `1,2,5`."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(isfinite(value) and 0 < value <= 10_000 for value in found):
        refuse(f"{flag}: {text!r} must be numbers above 0 with commas between them, such as 1,2,5")
    return found


def refuse(sentence: str) -> NoReturn:
    """Say what is wrong, and end with status 2."""
    typer.echo(sentence, err=True)
    raise typer.Exit(2)
