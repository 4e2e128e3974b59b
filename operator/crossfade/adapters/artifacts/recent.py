"""What is remembered of a model between its listing and its reading: its parts are asked for, and nothing else."""

from collections import OrderedDict
from typing import Final, TypeVar

_MOST_KEPT: Final = 8
Kept = TypeVar("Kept")


class Recent(OrderedDict[str, Kept]):
    """By URI, of those that were listed last."""

    def __setitem__(self, uri: str, kept: Kept) -> None:
        super().__setitem__(uri, kept)
        self.move_to_end(uri)
        while len(self) > _MOST_KEPT:
            self.popitem(last=False)
