"""What people and pipelines order by annotation."""

from dataclasses import dataclass
from typing import Literal, get_args

Verb = Literal["abort", "advance", "retry", "skip-stage"]
VERBS: tuple[Verb, ...] = get_args(Verb)


@dataclass(frozen=True, slots=True)
class Order:
    """One order: another `token` is another order. `by` and `reason` are what the annotations beside it say."""

    token: str
    by: str = ""
    reason: str = ""

    def __str__(self) -> str:
        """Such as `by ann: the features are late`, `by somebody`."""
        who = f"by {self.by}" if self.by else "by somebody who gave no name"
        return f"{who}: {self.reason}" if self.reason else who
