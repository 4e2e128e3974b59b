"""Numbers as people read them: rounded sensibly, "unbounded" for what has no end, never NaN."""

from math import floor, inf, log10

UNBOUNDED = "unbounded"
_MILLION = 1e6


def figure(value: float | None) -> str | None:
    """A number for a status field: at most 16 characters, no separators."""
    if value is None:
        return None
    if value == inf:
        return UNBOUNDED
    if value != 0 and not 0.001 <= value < _MILLION:
        return f"{value:.1e}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def number(value: float) -> str:
    """A ratio in a sentence: `0.62`, `5.2`, `1,240`."""
    if value == inf:
        return UNBOUNDED
    if value >= 100:
        return f"{value:,.0f}" if value < _MILLION else "over a million"
    return f"{value:.1f}" if value >= 1 else _two_figures(value)


def odds(value: float) -> str:
    """Odds, never rounded up to what they have not reached: `4,800:1`, `19:1`, `1.3:1`."""
    if value >= _MILLION:
        return "over a million:1"
    if value < 0.01:
        return "below 0.01:1"
    unit = 10.0 ** (floor(log10(value)) - 1)
    shown = floor(value / unit * (1 + 1e-12)) * unit if value < 10 or value >= 1000 else floor(value * (1 + 1e-12))
    return f"{shown:,.0f}:1" if value >= 10 else f"{shown:.2g}:1"


def share(part: float, whole: float) -> str:
    """A share in percent: `5.1%`, `0.98%`, `0.0012%`; `0%` and `100%` are exact."""
    percent = 100 * part / whole
    if percent in (0, 100):
        return f"{percent:.0f}%"
    return f"{min(percent, 99.9):.1f}%" if percent >= 1 else f"{_two_figures(percent)}%"


def written(value: float) -> str:
    """A limit as somebody wrote it: `1.1`, `0.02`, `95`."""
    return f"{value:.9g}"


def period(seconds: float) -> str:
    """A latency: `250 ms`, `1.5 s`."""
    return f"{seconds:.6g} s" if seconds >= 1 else f"{seconds * 1000:.6g} ms"


def counted(number: int, singular: str, plural: str) -> str:
    """`1 bad answer`, `4,080 requests`."""
    return f"{number:,} {singular if number == 1 else plural}"


def _two_figures(value: float) -> str:
    """Without an exponent."""
    text = f"{value:.2g}"
    if "e" in text:
        text = f"{float(text):.9f}".rstrip("0").rstrip(".")
    return text
