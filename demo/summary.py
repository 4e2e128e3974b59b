"""The end of the demo, in ten seconds' reading; and what to try when all of it stays up."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from demo.report import Report

_DIGEST_SHOWN = len("sha256:") + 12


def summary(found: Report, broken: Sequence[str]) -> RenderableType:
    """What went well, what it cost in requests and seconds, and every promise that was broken."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column()
    grid.add_row("promoted", Text(", ".join(found.promoted) or "none", style="green"))
    grid.add_row("rolled back", Text(", ".join(found.rolled_back) or "none", style="red"))
    grid.add_row("requests", f"{found.requests:,}, of which the route failed {found.failed_by_route}")
    if found.seconds_to_decision is not None:
        grid.add_row(
            "bad version",
            f"found out {found.seconds_to_decision:.1f} s after its first request, out of the traffic after "
            f"{found.seconds_to_traffic_gone:.1f} s, error answers given: {found.bad_answers}",
        )
    for name, digest in found.digests.items():
        grid.add_row("verified bytes", f"{name} {digest[:_DIGEST_SHOWN]}…")
    grid.add_row("in all", f"{found.wall_seconds:.0f} s")
    parts: list[RenderableType] = [grid, *(Text(f"✗ {sentence}", style="bold red") for sentence in broken)]
    title = "not as promised" if broken else "as promised"
    return Panel(Group(*parts), title=title, title_align="left", border_style="red" if broken else "green")


def hints(bed: str, minutes: int) -> str:
    """What to type next, with the bed kept."""
    return f"""All of it is still up; requests go on for {minutes} minutes. What to try:

  eval "$(.venv/bin/python -m testbed env --name {bed})"   # kubectl, helm and curl that reach it
  kubectl get rollouts,modelversions,deployments,httproutes
  kubectl get rollout tumour-classifier --output yaml
  kubectl annotate rollout tumour-classifier --overwrite crossfade.dev/retry=again   # try version 3 once more
  kubectl get rollout tumour-classifier --watch
  .venv/bin/python -m testbed down --name {bed}   # end all of it
"""
