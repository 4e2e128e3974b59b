"""Models at a commit of a Git repository: which files they are, and whether Git or DVC keeps them."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from crossfade.adapters import dvc_layout as dvc
from crossfade.adapters.dvc_store import DvcStore
from crossfade.adapters.git_pack import BLOB, memory
from crossfade.adapters.git_server import GitServer, NotThereError, commit_facts
from crossfade.adapters.git_tree import Tree, is_commit
from crossfade.model.manifest import safe_path
from crossfade.ports import SourceError

_MOST_KEPT_BYTES: Final = 8 << 20
"""Commits are remembered while they take no more memory together. A commit means the same for ever."""
_MOST_NOTES: Final = 1000


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of a model: its path in the model, and either its id in Git, or what DVC keeps of it and where."""

    path: str
    oid: str = ""
    out: dvc.Out | None = None
    remote: dvc.Remote | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit: its id, what its head says (see `commit_facts`), its files, and the small ones that were read."""

    oid: str
    said: Mapping[str, str]
    tree: Tree
    folders: int
    notes: dict[str, bytes] = field(default_factory=dict)

    @property
    def memory(self) -> int:
        """About how many bytes it takes, `folders` of them for its folders."""
        return self.folders + sum(memory(BLOB, content) for content in self.notes.values())


class GitModels:
    """The models of one repository. `remote` is the name of the DVC remote to read, None for the repository's default
    one."""

    def __init__(self, server: GitServer, store: DvcStore, remote: str | None) -> None:
        self.server = server
        self._store = store
        self._remote = remote
        self._kept: OrderedDict[str, Commit] = OrderedDict()
        self._coming: dict[str, asyncio.Task[Commit]] = {}

    async def at(self, oid: str) -> Commit:
        """What the commit of this id has. Raises SourceError."""
        kept = self._kept.get(oid)
        if kept is None:
            kept = await self._fetched_once(oid)
        self._remember(kept)
        return kept

    async def _fetched_once(self, oid: str) -> Commit:
        """The commit, which is fetched by one request for all who ask meanwhile."""
        coming = self._coming.get(oid)
        if coming is None:
            coming = self._coming[oid] = asyncio.create_task(self._fetched(oid))
            coming.add_done_callback(lambda done: self._arrived(oid, done))
        return await asyncio.shield(coming)

    def _arrived(self, oid: str, done: asyncio.Task[Commit]) -> None:
        self._coming.pop(oid, None)
        if not done.cancelled():
            done.exception()  # it is told to who waits; nobody may wait any more

    async def _fetched(self, oid: str) -> Commit:
        what = f"{self.server.what} at {oid}"
        try:
            found = await self.server.at(oid)
        except NotThereError:
            raise self._missing(f"commit {oid}") from None
        if not is_commit(found, oid):
            raise SourceError(f"{what} has no commit but another object; name the commit", retry=False)
        said = commit_facts(found[oid][1])
        folders = sum(memory(kind, content) for kind, content in found.values())
        return Commit(oid, said, Tree(said["tree"], found, what), folders)

    def _remember(self, commit: Commit) -> None:
        """As the one that was used last, while there is room. What it takes grows with what is read of it."""
        self._kept[commit.oid] = commit
        self._kept.move_to_end(commit.oid)
        while sum(one.memory for one in self._kept.values()) > _MOST_KEPT_BYTES:
            self._kept.popitem(last=False)

    async def notes(self, commit: Commit, paths: Iterable[str]) -> dict[str, bytes]:
        """The content of those of these small files that are there. Raises SourceError."""
        wanted = {path: oid for path in dict.fromkeys(paths) if (oid := commit.tree.file(path))}
        if len(wanted) > _MOST_NOTES:
            raise SourceError(f"{self._what(commit)} has more than {_MOST_NOTES} files of DVC there; name fewer")
        absent = sorted({oid for oid in wanted.values() if oid not in commit.notes})
        if absent:
            found = await self.server.blobs(absent)
            commit.notes.update({oid: found[oid][1] for oid in absent if found.get(oid, (0, b""))[0] == BLOB})
            self._remember(commit)
        if lost := [path for path, oid in wanted.items() if oid not in commit.notes]:
            raise SourceError(f"{self._what(commit)} was sent without its file {lost[0]!r}; try again")
        return {path: commit.notes[oid] for path, oid in wanted.items()}

    async def pieces(self, commit: Commit, path: str) -> list[Piece]:
        """The files of the model at this path: of Git, of DVC, or of both. Raises SourceError."""
        what = self._what(commit)
        self._require_path(path, what)
        outs = [out for out in await self._outs(commit, path) if _meets(out.path, path)]
        node = commit.tree.find(path)
        if node is not None and not node.is_folder:
            return [Piece(_name(path), oid=node.oid)]
        plain = {full: oid for full, oid in commit.tree.files(path) if not dvc.is_own(full)} if node else {}
        pieces = [Piece(_below(full, path), oid=oid) for full, oid in plain.items()]
        for out in outs:
            if out.path not in plain:
                pieces += await self._kept_by_dvc(commit, dvc.required(out, what), path)
        if not pieces:
            raise self._missing(f"file or folder {path!r} at {commit.oid}")
        return pieces

    async def _outs(self, commit: Commit, path: str) -> list[dvc.Out]:
        """All that DVC keeps at, above and below this path, as its own files there say."""
        paths = list(_noting(path))
        node = commit.tree.find(path)
        if node is not None and node.is_folder:
            paths += [full for full, _ in commit.tree.files(path) if full.endswith((dvc.FILE, f"/{dvc.LOCK}"))]
        pipelines = [_beside(full) for full in paths if full.endswith(dvc.LOCK)]
        notes = await self.notes(commit, [*paths, *pipelines])
        what = self._what(commit)
        return await asyncio.to_thread(
            lambda: [
                out
                for full in dict.fromkeys(paths)
                if full in notes
                for out in dvc.outs(full, notes[full], notes.get(_beside(full)), what)
            ]
        )

    async def _kept_by_dvc(self, commit: Commit, out: dvc.Out, path: str) -> list[Piece]:
        remote = await self._remote_of(commit, out)
        files = [out]
        if out.is_folder:
            content = await self._store.whole(remote, out)
            files = await asyncio.to_thread(dvc.listed, content, out, self._what(commit))
        wanted = (file for file in files if file.path == path or file.path.startswith(f"{path}/"))
        return [Piece(_below(file.path, path), out=file, remote=remote) for file in wanted]

    async def _remote_of(self, commit: Commit, out: dvc.Out) -> dvc.Remote:
        """By the nearest configuration above it."""
        places = [f"{folder}/{dvc.CONFIG}".lstrip("/") for folder in _folders(out.path)]
        notes = await self.notes(commit, places)
        config = next((notes[place] for place in places if place in notes), b"")
        return await asyncio.to_thread(dvc.remote, config, out.remote or self._remote, self._what(commit))

    def _require_path(self, path: str, what: str) -> None:
        try:
            safe_path(path)
        except ValueError:
            raise SourceError(f"the path {path!r} of a model must be relative, without `..`", retry=False) from None
        if dvc.is_own(path):
            raise SourceError(f"{what} has in {path!r} DVC's own notes; name what they track", retry=False)

    def _what(self, commit: Commit) -> str:
        return f"{self.server.what} at {commit.oid}"

    def _missing(self, thing: str) -> SourceError:
        return SourceError(f"{self.server.what} has no {thing}; register it there, or correct `source.git`")


def _noting(path: str) -> Iterator[str]:
    """DVC's files that may speak of this path or of a folder that it is in."""
    parts = path.split("/")
    for end in range(len(parts), 0, -1):
        yield "/".join(parts[:end]) + dvc.FILE
    for folder in _folders(path):
        yield f"{folder}/{dvc.LOCK}".lstrip("/")


def _folders(path: str) -> Iterator[str]:
    """The folders that it is in, the nearest first and the root, which is empty, last."""
    while path:
        path = path.rpartition("/")[0]
        yield path


def _beside(lock: str) -> str:
    return lock.removesuffix(dvc.LOCK) + dvc.PIPELINE


def _meets(one: str, other: str) -> bool:
    """Whether one of them is the other, or is in it."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _below(full: str, path: str) -> str:
    return _name(path) if full == path else full.removeprefix(f"{path}/")


def _name(path: str) -> str:
    return path.rpartition("/")[2]
