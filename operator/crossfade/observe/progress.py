"""How far a load is: counters that whoever tells of it reads."""

from dataclasses import dataclass


@dataclass
class Progress:
    """Of stored files and their bytes: how many there are, are done, and of those were on disk already.

    `most` is the furthest that the bytes ever were, as a file may have to begin again. `open` is whether it may be told
    of beside the parts.
    """

    files: int = 0
    bytes: int = 0
    files_done: int = 0
    bytes_done: int = 0
    bytes_found: int = 0
    most: int = 0
    open: bool = False

    def begin(self, files: int, size: int) -> None:
        """Nothing is done of so many files with so many bytes."""
        self.files, self.bytes, self.open = files, size, True
        self.files_done = self.bytes_done = self.bytes_found = 0

    def add(self, count: int) -> None:
        """So many bytes more are done, or fewer when a file begins again."""
        self.bytes_done += count
        self.most = max(self.most, self.bytes_done)
