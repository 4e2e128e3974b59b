"""One file of a model, looked at while it streams: its format, and what of it would be run when it is loaded."""

import ast
import json
import re
import struct
from collections.abc import Callable
from typing import Final

from crossfade.observe.formats.magic import HEAD_BYTES, format_of
from crossfade.observe.formats.onnx import interface
from crossfade.observe.formats.packed import CLOSED, Make, unpack, unpacking
from crossfade.observe.formats.pickles import Pickles
from crossfade.observe.formats.report import Report, Verdict
from crossfade.observe.formats.stream import BrokenError, Budget, Pull, Stream
from crossfade.observe.formats.zips import LOCAL, TAIL_BYTES, Zip, ends_as_zip
from crossfade.observe.untar import Take, Untar

_MOST_INSIDE: Final = 3
_NAMED: Final = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".dill", ".cloudpickle")
_TENSOR: Final = re.compile(r"^[^/]+/(data|constants|\.data)/[0-9]+$")
"""Where PyTorch keeps the bytes of tensors in its zips; they are never unpickled."""
_TORCH: Final = frozenset({"data.pkl", "constants.pkl"})
_TELLING: Final = frozenset({"config.json", "metadata.json", "schema.json"})
"""What tells of what format an archive is: the first below its only folder."""
_LONGEST_NAME: Final = 200
_LAMBDA: Final = re.compile(rb"\"(class_name|registered_name)\"\s*:\s*\"(Lambda|__lambda__)\"|__lambda__")
_OVERLAP: Final = 64
_MOST_CONFIG: Final = 4 << 20
_MOST_HEADER: Final = 1 << 16


class Scan:
    """The file at this path and of this size in bytes; `inside` so many others. `size` is 0 when it is not known."""

    def __init__(self, path: str, size: int, budget: Budget, inside: int = 0) -> None:
        self._path, self._size, self._budget, self._inside = path, size, budget, inside
        self._name = path.rpartition("!")[2]
        self._head = bytearray()
        self._decided = False
        self._pickles: Pickles | None = Pickles(budget)
        self._stream = Stream()
        self._reading: Pull[None] | None = None
        self._zip, self._tail = False, b""
        self._surely = False
        self._inner: set[str] = set()
        self._open: list[_Within] = []
        self._searched: bytes | None = None
        self._config: bytearray | None = bytearray() if self._name.endswith("config.json") else None
        self.report = Report()

    @property
    def over(self) -> bool:
        """Whether more bytes can change nothing."""
        idle = self._pickles is None or self._pickles.over
        return self._decided and idle and self._reading is None and self._searched is None and self._config is None

    def feed(self, piece: bytes) -> None:
        """The next bytes."""
        if not self._inside:
            self._tail = (self._tail + piece if len(piece) < TAIL_BYTES else piece)[-TAIL_BYTES:]
        if self.over:
            return
        if self._pickles is not None and not self._pickles.over:
            self._pickles.feed(piece)
        if self._config is not None and len(self._config) <= _MOST_CONFIG:
            self._config += piece
        if self._decided:
            self._further(piece)
            return
        self._head += piece
        if len(self._head) >= HEAD_BYTES:
            self._decide()

    def finish(self) -> None:
        """No more will come: `report` is whole."""
        if not self._decided:
            self._size = self._size or len(self._head)
            self._decide()
        if self._reading is not None:
            self._stream.ended = True
            self._advance()
        if self._pickles is not None:
            self._pickles.finish()
            self._judge(self._pickles)
        if self._config is not None:
            self._judge_config(bytes(self._config))
        self._settle()
        if not self._zip and ends_as_zip(self._tail) and "TFLite" not in self.report.formats:
            self._tell(Verdict.UNREADABLE, "ends as a zip archive and does not begin as one")

    def _decide(self) -> None:
        """By the first bytes, what else is to be done with the file."""
        head, self._head = bytes(self._head), bytearray()
        self._decided = True
        found = format_of(head, self._name, self._size or 1 << 62)
        if found is not None:
            self.report.formats.add(found)
        if head.startswith(CLOSED):
            self._tell(Verdict.UNREADABLE, "is packed as it cannot be looked into")
        if self._inside < _MOST_INSIDE:
            self._reading = self._opened(head)
        elif head.startswith(LOCAL) or unpacking(head) is not None:
            self._tell(Verdict.UNREADABLE, f"is packed more than {_MOST_INSIDE} times")
        if found == "HDF5":
            self._searched = b""
        self._further(head)

    def _opened(self, head: bytes) -> Pull[None] | None:
        if head.startswith(LOCAL):
            self._surely = True
            self._zip = True
            self._pickles = None  # as a pickle it begins with a persistent id, which no loader takes that takes zips
            return Zip(self._stream, self._member).read()
        if head.startswith(b"\x93NUMPY"):
            self._surely = True
            return self._numpy()
        if head[257:262] == b"ustar":
            return self._tar()
        if (packing := unpacking(head)) is not None:
            make, self._surely = packing
            return self._unpacked(make)
        # last, as archives can be made that read as ONNX
        return self._interface() if "ONNX" in self.report.formats and not self._inside else None

    def _further(self, piece: bytes) -> None:
        if self._reading is not None:
            self._stream.give(piece)
            self._advance()
        if self._searched is not None:
            searched = self._searched + piece
            if b"ambda" in searched and _LAMBDA.search(searched):
                self._run("keras.layers.Lambda")
            self._searched = searched[-_OVERLAP:]

    def _advance(self) -> None:
        if self._reading is None:
            return
        try:
            next(self._reading)
        except StopIteration:
            self._reading = None
        except BrokenError as failure:
            self._reading = None
            if self._surely or self._name.endswith(_NAMED):
                self._tell(Verdict.UNREADABLE, str(failure))
            while self._open:
                self._open[-1].finish()

    def _interface(self) -> Pull[None]:
        self.report.signature = yield from interface(self._stream, self._budget)

    # what is inside

    def _within(self, name: str) -> "_Within":
        path = f"{self._path}!{name}" if name else self._path
        within = _Within(Scan(path, 0, self._budget, self._inside + 1), self._close)
        self._open.append(within)
        return within

    def _close(self, within: "_Within") -> None:
        """What a file in this one is."""
        self._open.remove(within)
        self.report.add(within.report)

    def _member(self, name: str) -> "_Within":
        below = name.partition("/")[2] or name
        self._inner.add(below if below in _TORCH else name if name in _TELLING else "")
        return self._within(name[:_LONGEST_NAME])

    def _unpacked(self, make: Make) -> Pull[None]:
        within = self._within("")

        def take(plain: bytes) -> bool:
            within.feed(plain)
            return not within.over

        yield from unpack(self._stream, make, take)
        within.finish()

    def _tar(self) -> Pull[None]:
        last: list[_Within] = []

        def begin(path: str, _: int) -> Take:
            while last:
                last.pop().finish()
            last.append(self._member(path))
            return lambda piece: last[0].feed(bytes(piece))

        untar = Untar(begin, "")
        try:
            while (yield from self._stream.more()):
                untar.feed(self._stream.piece[self._stream.at :])
                self._stream.at = len(self._stream.piece)
            untar.finish()
        except ValueError as failure:
            raise BrokenError(f"is a tar archive that cannot be read: {failure}") from None
        while last:
            last.pop().finish()

    def _numpy(self) -> Pull[None]:
        """The header of an array; what follows is a pickle when it holds objects."""
        major = (yield from self._stream.take(8))[6]
        form = "<H" if major == 1 else "<I"
        (length,) = struct.unpack(form, (yield from self._stream.take(struct.calcsize(form))))
        if length > _MOST_HEADER:
            raise BrokenError("is an array of NumPy's with a header that is too long")
        if not _has_objects((yield from self._stream.take(length))):
            return
        pickles = Pickles(self._budget)
        while (yield from self._stream.more()):
            pickles.feed(self._stream.piece[self._stream.at :])
            self._stream.at = len(self._stream.piece)
        pickles.finish()
        self._judge(pickles, surely=True)

    # what is said

    def _judge(self, pickles: Pickles, *, surely: bool = False) -> None:
        found = pickles.findings
        imports = bool(found.known or found.unknown)
        acts = found.called and imports
        whole = found.finished and (pickles.headed or imports)
        named = self._name.endswith(_NAMED) and not self.report.formats and not self._inner and not self._inside_read()
        tensor = _TENSOR.match(self._name) is not None
        if not (surely or whole or acts or named or (pickles.headed and not tensor)):
            return
        kind = "PyTorch" if pickles.torch else "joblib" if pickles.joblib else "pickle"
        if not surely and (pickles.headed or acts or found.finished):
            self.report.formats.add(kind)
        if any(name.startswith("sklearn.") for name in found.known):
            self.report.formats.add("scikit-learn")
        if found.unknown:
            for name in found.unknown:
                self._run(name)
        elif not found.finished:
            self._tell(Verdict.UNREADABLE, f"is taken for a pickle, and {found.problem or 'ends in the middle'}")
        else:
            self._tell(Verdict.KNOWN, "")

    def _inside_read(self) -> bool:
        return self.report.verdict is not Verdict.SAFE

    def _judge_config(self, config: bytes) -> None:
        """Keras keeps the layers here; a Lambda holds Python's own code."""
        if len(config) > _MOST_CONFIG:
            self._tell(Verdict.UNREADABLE, f"has more than {_MOST_CONFIG} bytes, which is no configuration")
            return
        try:
            plain = json.dumps(json.loads(config)).encode()
        except (ValueError, RecursionError):
            plain = config
        if _LAMBDA.search(plain):
            self._run("keras.layers.Lambda")

    def _run(self, name: str) -> None:
        self.report.imports(self._path, name)

    def _tell(self, verdict: Verdict, sentence: str) -> None:
        self.report.tell(self._path, verdict, sentence)

    def _settle(self) -> None:
        """What the files in this one make it, by their names."""
        inner = self._inner
        if "data.pkl" in inner:
            self.report.formats = {"TorchScript" if "constants.pkl" in inner else "PyTorch"}
        elif {"config.json", "metadata.json"} <= inner:
            self.report.formats = {"Keras"}
        elif "schema.json" in inner:
            self.report.formats = {"skops"}


class _Within:
    """A file in another one, which gets its report."""

    def __init__(self, scan: Scan, close: Callable[["_Within"], None]) -> None:
        self._scan, self._close = scan, close
        self.report = scan.report

    @property
    def over(self) -> bool:
        return self._scan.over

    def feed(self, piece: bytes) -> None:
        self._scan.feed(piece)

    def finish(self) -> None:
        self._scan.finish()
        self._close(self)


def _has_objects(header: bytes) -> bool:
    """Whether an array with this header holds objects; also when that cannot be told."""
    try:
        said = ast.literal_eval(header.decode("latin-1").strip())
        return _objects(said["descr"])
    except (ValueError, SyntaxError, TypeError, LookupError, RecursionError, MemoryError):
        return True


def _objects(kind: object) -> bool:
    if isinstance(kind, str):
        return re.fullmatch(r"[<>|=]?[?biufcmMSUV][0-9]*(\[[^\]]*\])?", kind) is None
    if isinstance(kind, list):
        return any(_objects(field[1]) for field in kind)
    return _objects(kind[0]) if isinstance(kind, tuple) and kind else True
