"""What DVC writes into a repository: which files it keeps elsewhere, by which MD5, and where. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from configparser import ConfigParser, Error
from dataclasses import dataclass
from posixpath import normpath
from typing import Any, Final

from crossfade.model.endpoints import region_of, s3_endpoint
from crossfade.model.loose import member, objects, text
from crossfade.model.manifest import safe_path
from crossfade.ports import SourceError
from crossfade.yaml_object import yaml_object

FILE: Final = ".dvc"
"""The end of the name of a file that stands for one that DVC keeps."""
LOCK, PIPELINE, CONFIG = "dvc.lock", "dvc.yaml", ".dvc/config"
_OWN: Final = frozenset({".dvcignore", PIPELINE})
_MD5: Final = re.compile(r"[0-9a-f]{32}(\.dir)?")
_REMOTE: Final = re.compile(r"'?remote \"([^\"]+)\"'?")
_REGION: Final = re.compile(r"[a-z0-9-]{1,63}")
_MOST_CONFIG: Final = 64 << 10
_GAP: Final = re.compile(r"\s{32}")
_MOST_FILES: Final = 100_000
_MIGRATE: Final = "run `dvc cache migrate --dvc-files` and `dvc push`, with a remote that is not `version_aware`"


@dataclass(frozen=True, slots=True)
class Out:
    """A file or a folder that DVC keeps: its path in the repository, its MD5 as DVC writes it, its size in bytes where
    that is known, and the name of its remote where it has one of its own."""

    path: str
    md5: str
    size: int | None = None
    remote: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether what is kept is a list of files."""
        return self.md5.endswith(".dir")


@dataclass(frozen=True, slots=True)
class Remote:
    """Where DVC keeps files: its name, its address without a slash at the end, and for s3 the region and the server
    that has the bucket."""

    name: str
    url: str
    region: str = ""
    server: str = ""

    @property
    def is_bucket(self) -> bool:
        """Whether it is at s3."""
        return self.url.startswith("s3:")

    def place(self, md5: str) -> str:
        """The address of what has this MD5."""
        return f"{self.url}/files/md5/{md5[:2]}/{md5[2:]}"


def is_own(path: str) -> bool:
    """Whether it is DVC's own, and no part of a model, as `dvc get` has it."""
    parts = path.split("/")
    return parts[-1] in _OWN or any(part.endswith(FILE) for part in parts)


def outs(path: str, content: bytes, pipeline: bytes | None, what: str) -> list[Out]:
    """What a .dvc file, or a dvc.lock beside its dvc.yaml, says is kept. Raises SourceError, in which `what` is the
    repository."""
    said = yaml_object(content)
    if said is None:
        raise SourceError(
            f"{what} has a {path} that is no YAML mapping without aliases of at most 1 MiB and 64 levels; correct it",
            retry=False,
        )
    folder = path.rpartition("/")[0]
    if not path.endswith(LOCK):
        inner = _joined(folder, text(said.get("wdir")) or ".")
        return [_out(inner, one, path, what) for one in objects(said.get("outs"))]
    stages = member(yaml_object(pipeline or b"") or {}, "stages")
    return [
        _out(_joined(folder, text(member(stages, name).get("wdir")) or "."), one, path, what)
        for name, stage in member(said, "stages").items()
        if isinstance(stage, dict)
        for one in objects(stage.get("outs"))
    ]


def required(out: Out, what: str) -> Out:
    """The same, when it can be read. Raises SourceError for what was kept by DVC 2, or by versions of the store."""
    if _MD5.fullmatch(out.md5):
        return out
    raise SourceError(f"{what} has {out.path!r} under DVC without a plain MD5; {_MIGRATE}", retry=False)


def remote(config: bytes, wanted: str | None, what: str) -> Remote:
    """The remote of this name, or the default one. Raises SourceError."""
    parser = _parsed(config, what)
    name = wanted or _plain(parser.get("core", "remote", fallback="") or "")
    if not name:
        raise SourceError(
            f"{what} names no default remote in {CONFIG}; run `dvc remote default`, or name one in the ModelRegistry's "
            "`git.dvcRemote`"
        )
    sections = {found[1]: section for section in parser.sections() if (found := _REMOTE.fullmatch(section))}
    if name not in sections:
        raise SourceError(
            f"{what} has no remote {name!r} in {CONFIG}; run `dvc remote add`, or correct the ModelRegistry's "
            "`git.dvcRemote`"
        )
    told = {key: _plain(value or "") for key, value in parser.items(sections[name])}
    if any(told.get(key, "").lower() == "true" for key in ("version_aware", "worktree")):
        raise SourceError(f"{what} keeps files in the remote {name!r} by versions of the store; {_MIGRATE}")
    url = _readable(told.get("url", ""), name, what)
    return Remote(name, url, *_server(told, name, what)) if url.startswith("s3:") else Remote(name, url)


def listed(content: bytes, out: Out, what: str) -> list[Out]:
    """The files of a folder, by the list that DVC keeps of them. Raises SourceError."""
    strange = SourceError(f"{what} has a list of the files of {out.path!r} that cannot be understood", retry=False)
    try:
        entries = json.loads(content)
    except (ValueError, RecursionError):
        raise strange from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise strange
    if len(entries) > _MOST_FILES:
        raise SourceError(f"{what} has more than {_MOST_FILES} files in {out.path!r}; pack them", retry=False)
    return list(_entries(entries, out, what))


def _entries(entries: Sequence[Mapping[str, Any]], out: Out, what: str) -> Iterator[Out]:
    for entry in entries:
        path, md5 = entry.get("relpath"), entry.get("md5")
        if not isinstance(path, str) or not isinstance(md5, str) or not _MD5.fullmatch(md5) or md5.endswith(".dir"):
            raise SourceError(
                f"{what} has a list of the files of {out.path!r} with an entry that has no path or no MD5", retry=False
            )
        try:
            safe_path(path)
        except ValueError as failure:
            raise SourceError(f"{what} has a list of the files of {out.path!r}: {failure}", retry=False) from None
        yield Out(f"{out.path}/{path}", md5, None, out.remote)


def _out(folder: str, said: Mapping[str, Any], where: str, what: str) -> Out:
    path = text(said.get("path"))
    if path is None or path.startswith("/"):
        raise SourceError(f"{what} has an entry in {where} whose path is not relative; correct it", retry=False)
    size = said.get("size")
    plain = said.get("hash") == "md5"  # without it the MD5 is DVC 2's, of texts whose line ends were changed
    return Out(
        _joined(folder, path),
        str(said.get("md5")) if plain else "",
        size if isinstance(size, int) and size >= 0 else None,
        text(said.get("remote")),
    )


def _joined(folder: str, path: str) -> str:
    joined = normpath(f"{folder}/{path}" if folder else path)
    return "" if joined == "." else joined


def _plain(value: str) -> str:
    """Without the quotes that DVC puts around some values."""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _parsed(config: bytes, what: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    strange = SourceError(f"{what} has a {CONFIG} that cannot be understood; correct it", retry=False)
    told = config[: _MOST_CONFIG + 1].decode("utf-8", "replace")
    # the parser takes as long as the square of a gap's length
    if len(told) > _MOST_CONFIG or "\ufffd" in told or any(_GAP.search(line.strip()) for line in told.split("\n")):
        raise strange
    try:
        parser.read_string(told)
    except (Error, ValueError, AttributeError):  # the last for a value that goes on where none began
        raise strange from None
    return parser


def _server(told: Mapping[str, str], name: str, what: str) -> tuple[str, str]:
    """The region of an s3 remote, and the address of its server, which is Amazon's where none is named."""
    region, server = region_of(told.get("region")), told.get("endpointurl", "").rstrip("/")
    if not _REGION.fullmatch(region):
        raise SourceError(f"{what} has for the remote {name!r} a `region` that is none in {CONFIG}; correct it")
    server = server or s3_endpoint(region)
    if not server.startswith(("http://", "https://")) or set(server) & set("@?#") or not server.isprintable():
        raise SourceError(
            f"{what} has for the remote {name!r} an `endpointurl` in {CONFIG} that is not http(s)://<host>, without a "
            "user or a query; correct it"
        )
    return region, server


def _readable(url: str, name: str, what: str) -> str:
    if not url.startswith(("s3://", "http://", "https://")):
        scheme = url.partition("://")[0] if "://" in url else "a path"
        raise SourceError(
            f"{what} keeps files in the remote {name!r}, which is {scheme[:32]!r} and cannot be read from here; name "
            "one at s3://, http:// or https:// in the ModelRegistry's `git.dvcRemote`"
        )
    if set(url) & set("@?#") or not url.isprintable():
        raise SourceError(
            f"{what} keeps files in the remote {name!r}, whose address has a user or a query, where credentials hide; "
            "give it without"
        )
    return url.rstrip("/")
