"""What lies at one commit of a Git repository: files and folders by path. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from crossfade.adapters.git_pack import COMMIT, TREE
from crossfade.ports import SourceError

_FOLDER, _LINK, _REPOSITORY = 0o040000, 0o120000, 0o160000
_KIND: Final = 0o170000
_MOST_FILES: Final = 100_000
_DEEPEST: Final = 64


@dataclass(frozen=True, slots=True)
class Node:
    """A file or a folder: its mode as Git has it, and the id of its content."""

    mode: int
    oid: str

    @property
    def is_folder(self) -> bool:
        """Whether it has files in it."""
        return self.mode & _KIND == _FOLDER


class Tree:
    """The files at one commit. `found` are the commit and all its trees; `what` names them in sentences."""

    def __init__(self, root: str, found: Mapping[str, tuple[int, bytes]], what: str) -> None:
        self._root = Node(_FOLDER, root)
        self._found = found
        self._what = what
        self._read: dict[str, dict[str, Node]] = {}

    def find(self, path: str) -> Node | None:
        """What is at this path; the whole when it is empty. None when there is nothing. Raises SourceError for a path
        that leads through a link or into another repository."""
        node: Node | None = self._root
        for name in path.split("/") if path else ():
            node = self._entries(node.oid).get(name) if node and node.is_folder else None
            if node is not None:
                self._require_plain(node, path)
        return node

    def file(self, path: str) -> str | None:
        """The id of the file at this path, None when there is none."""
        node = self.find(path)
        return node.oid if node is not None and not node.is_folder else None

    def files(self, path: str) -> Iterator[tuple[str, str]]:
        """Path and id of each file below a folder. Raises SourceError for what cannot be part of a model."""
        count = 0
        start = self.find(path)
        waiting = [(path, start, 0)] if start is not None and start.is_folder else []
        while waiting:
            folder, node, depth = waiting.pop()
            for name, child in self._entries(node.oid).items():
                count += 1
                if count > _MOST_FILES or depth > _DEEPEST:
                    raise SourceError(
                        f"{self._what} has more than {_MOST_FILES} files, or folders that are nested more than "
                        f"{_DEEPEST} times, in {path!r}; pack them",
                        retry=False,
                    )
                full = f"{folder}/{name}" if folder else name
                self._require_plain(child, full)
                if child.is_folder:
                    waiting.append((full, child, depth + 1))
                else:
                    yield full, child.oid

    def _require_plain(self, node: Node, path: str) -> None:
        kind = {_LINK: "a symlink", _REPOSITORY: "a submodule"}.get(node.mode & _KIND)
        if kind:
            raise SourceError(
                f"{self._what} has {kind} in {path!r}, which cannot be part of a model; commit the files themselves",
                retry=False,
            )

    def _entries(self, oid: str) -> dict[str, Node]:
        if oid not in self._read:
            kind, content = self._found.get(oid, (0, b""))
            if kind != TREE:
                raise SourceError(f"{self._what} was sent without one of its folders; try another server")
            self._read[oid] = dict(_entries_of(content, self._what))
        return self._read[oid]


def is_commit(found: Mapping[str, tuple[int, bytes]], oid: str) -> bool:
    """Whether this object is a commit."""
    return found.get(oid, (0, b""))[0] == COMMIT


def _entries_of(content: bytes, what: str) -> Iterator[tuple[str, Node]]:
    at = 0
    while at < len(content):
        try:
            end = content.index(b"\0", at)
            mode, _, name = content[at:end].partition(b" ")
            entry = name.decode(), Node(int(mode, 8), content[end + 1 : end + 21].hex())
        except ValueError:
            raise SourceError(
                f"{what} has a file whose name is not UTF-8, or a damaged folder; rename it", retry=False
            ) from None
        at = end + 21
        yield entry
