"""A picture of an operating characteristic: how often, and when, over how much worse the candidate is."""

from collections.abc import Sequence

from crossfade.simulate.summary import Ended

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_WIDTH = 30


def picture(points: Sequence[tuple[str, Ended, Ended]]) -> str:
    """A line for each candidate, as (label, rolled back, promoted): two bars, and the median time of the longer one."""
    width = max((len(label) for label, _, _ in points), default=0)
    head = f"{'':{width}}  {'rolled back':<{_WIDTH + 6}} {'promoted':<{_WIDTH + 6}} half of them within"
    lines = [head]
    for label, back, promoted in points:
        usual = max(back, promoted, key=lambda ended: ended.share)
        when = duration(usual.median) if usual.median is not None else "-"
        lines.append(f"{label:>{width}}  {_bar(back.share)} {_bar(promoted.share)} {when}".rstrip())
    return "\n".join(lines)


def _bar(share: float) -> str:
    """A bar of 30 cells for 100 %, and the number; what is not nothing is never an empty bar."""
    eighths = round(share * _WIDTH * 8)
    if share > 0:
        eighths = max(eighths, 1)
    bar = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
    return f"{bar:<{_WIDTH}} {_percent(share):>5}"


def _percent(share: float) -> str:
    """Never 0 % or 100 % unless exactly so."""
    rounded = f"{share:.0%}"
    if rounded == "0%" and share > 0:
        return "<1%"
    return ">99%" if rounded == "100%" and share < 1 else rounded


def duration(length: float) -> str:
    """Such as `45s` or `4m 30s`."""
    minutes, rest = divmod(round(length), 60)
    if not minutes:
        return f"{rest}s"
    return f"{minutes}m {rest}s" if rest else f"{minutes}m"
