"""What is measured, and how it is shown: never a figure without what it is compared with."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from testbed.load.samples import percentile

_ENOUGH = 100
"""Values of which a 99th percentile can be told."""


@dataclass(frozen=True)
class Figure:
    """Values of one quantity in `unit`, and those of its baseline in the same unit, from the same run."""

    what: str
    unit: str
    values: Sequence[float]
    baseline: str
    baseline_values: Sequence[float]

    @property
    def ratio(self) -> float:
        """Median over the baseline's median."""
        return median(self.values) / median(self.baseline_values)

    @property
    def ratios(self) -> Sequence[float]:
        """Run by run, where each has a baseline of its own: what slows a machine for a while slows both."""
        return [value / base for value, base in zip(self.values, self.baseline_values, strict=True)]


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise: what was measured, the upper 95 % bound where it is a share, and whether it is kept."""

    promise: str
    measured: str
    upper: str
    met: bool


def spread(values: Sequence[float]) -> str:
    """Median with minimum and maximum, or the one value; of a hundred or more the 99th percentile too."""
    middle = f"{median(values):.3g}"
    if len(values) == 1:
        return middle
    high = f", p99 {percentile(values, 0.99):.3g}" if len(values) >= _ENOUGH else ""
    return f"{middle} ({min(values):.3g} to {max(values):.3g}{high}, n={len(values)})"


def show(figures: Sequence[Figure]) -> None:
    """Print a table."""
    table = Table("figure", "unit", "median (min to max)", "baseline", "its value", "ratio")
    for one in figures:
        row = (one.what, one.unit, spread(one.values), one.baseline, spread(one.baseline_values), f"{one.ratio:.2f}")
        table.add_row(*row)
    Console(width=180).print(table)


def tell(bars: Sequence[Bar]) -> None:
    """Print a table."""
    table = Table("bar", "measured", "upper 95 % bound", "met?")
    for bar in bars:
        table.add_row(bar.promise, bar.measured, bar.upper, "yes" if bar.met else "NO")
    Console(width=200, highlight=False).print(table)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write them as JSON with the machine that they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[2],
    }
    measured = [asdict(one) | {"ratio": one.ratio} for one in figures]
    content = {"at": datetime.now(UTC).isoformat(), "machine": machine, "figures": measured}
    path.write_text(json.dumps(content, indent=1) + "\n")
