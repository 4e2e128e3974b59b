"""The pickle machine without its teeth: the stack and the memo of an unpickler, in which values are mostly unknown, and
by which every name that it would import is known."""

import codecs
import re
from collections.abc import Callable
from typing import Final

from crossfade.observe.formats.findings import Findings
from crossfade.observe.formats.opcodes import NAMES, argument
from crossfade.observe.formats.stream import BrokenError, Budget, Pull, Stream
from crossfade.observe.formats.values import (
    DTYPES,
    MARK,
    MOST_TEXT,
    OTHER,
    WRAPPERS,
    Imported,
    Keyed,
    Made,
    tuple_of,
)

_MOST_STACK: Final = 1 << 14
_MOST_MEMO: Final = 1 << 13
_MOST_LONG: Final = 16
_NUMBER: Final = re.compile(rb"[\s\x00]*[-+0-9a-fA-FxXoOLlinty._]*[\s\x00]*")
_PART: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class Machine:
    """One unpickler, from its first opcode to STOP."""

    def __init__(self, stream: Stream, budget: Budget, findings: Findings) -> None:
        self.stream, self.budget, self.findings = stream, budget, findings
        self.stack: list[object] = []
        self._memo: dict[int, object] = {}
        self._dense, self._sparse = 0, set[int]()
        self._full = False

    def like(self, stream: Stream, findings: Findings) -> "Machine":
        """Another one in the same state, for other bytes."""
        self.budget.spend(len(self.stack) + len(self._memo) + len(self._sparse))
        other = Machine(stream, self.budget, findings)
        other.stack, other._memo = list(self.stack), dict(self._memo)
        other._dense, other._sparse, other._full = self._dense, set(self._sparse), self._full
        return other

    def step(self) -> Pull[int]:
        """One opcode; returns it. Raises BrokenError."""
        stream = self.stream
        if stream.at >= len(stream.piece) and not (yield from stream.more()):
            raise BrokenError("ends in the middle")
        code = stream.piece[stream.at]
        stream.at += 1
        self.budget.spend()
        handle = _HANDLERS.get(code)
        if handle is None:
            raise BrokenError("has a byte that is no opcode")
        handle(self, (yield from argument(stream, code)))
        if len(self.stack) > _MOST_STACK:
            raise BrokenError(f"piles up more than {_MOST_STACK} values")
        return code

    # the stack

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self) -> object:
        if not self.stack or self.stack[-1] is MARK:
            raise BrokenError("takes a value where there is none")
        return self.stack.pop()

    def top(self) -> object:
        value = self.pop()
        self.stack.append(value)
        return value

    def to_mark(self) -> list[object]:
        stack = self.stack
        for place in range(len(stack) - 1, -1, -1):
            if stack[place] is MARK:
                items = stack[place + 1 :]
                del stack[place:]
                self.budget.spend(len(items) // 16)
                return items
        raise BrokenError("takes values up to a mark that is not there")

    # the memo

    def put(self, place: int) -> None:
        value = self.top()
        if place == self._dense:
            self._dense += 1
            while self._dense in self._sparse:
                self._sparse.remove(self._dense)
                self._dense += 1
        elif place > self._dense:
            self._sparse.add(place)
            if len(self._sparse) > _MOST_MEMO:
                raise BrokenError(f"remembers values at more than {_MOST_MEMO} places with gaps")
        self._memo.pop(place, None)
        if value is OTHER or value is None or isinstance(value, bool | int):
            return
        following = isinstance(value, Imported | Made)
        room = _MOST_MEMO if following else _MOST_MEMO // 2
        if len(self._memo) < room:
            self._memo[place] = value
        elif following:
            raise BrokenError(f"remembers more than {room} values that matter")
        else:
            self._full = True

    def memoize(self) -> None:
        self.put(self._dense + len(self._sparse))

    def get(self, place: int) -> None:
        if place >= self._dense and place not in self._sparse:
            raise BrokenError("looks up a value that it did not keep")
        self.push(self._memo.get(place, OTHER))

    # imports and calls

    def take_from(self, module: object, name: object) -> Imported:
        if not isinstance(module, str) or not isinstance(name, str):
            if self._full or not self.findings.doubtful:
                self.findings.imports("?", "?")
            raise BrokenError("imports something whose name is not written in it")
        if not _PART.fullmatch(module) or not name:
            raise BrokenError("imports something that cannot be a name")
        self.findings.imports(module, name)
        return Imported(module, name)

    def call(self, what: object, arguments: object, *, plainly: bool = False) -> None:
        """Push what comes of it. joblib's wrapper is followed where it is made as joblib makes it, and nowhere else."""
        self.findings.calls()
        given = arguments if isinstance(arguments, tuple) else (OTHER,)
        known = what if isinstance(what, Imported) else None
        if known in WRAPPERS and plainly and given == ():
            self.push(Made(next(iter(WRAPPERS)), (), Keyed()))
            return
        hides = known is not None and known.name == "_reconstructor" and not isinstance(arguments, tuple)
        if known in WRAPPERS or hides or any(item in WRAPPERS for item in given):
            raise BrokenError("makes a wrapper of joblib's as joblib does not")
        self.push(Made(known, given) if known is not None and known in DTYPES else OTHER)

    def build(self) -> None:
        state, what = self.pop(), self.top()
        self.findings.calls()
        if not isinstance(what, Made):
            return
        if what.of in DTYPES:
            what.state = state if isinstance(state, tuple) else OTHER
        elif isinstance(what.state, Keyed) and isinstance(state, Keyed) and not state.lost:
            for key, value in state.items.items():
                what.state.put(key, value)
        else:
            raise BrokenError("fills a wrapper of joblib's as joblib does not")

    def array(self) -> Made | None:
        """The wrapper on top of the stack, if it is one: joblib finds an array's own bytes behind it."""
        value = self.stack[-1] if self.stack else None
        return value if isinstance(value, Made) and value.of in WRAPPERS else None


Handler = Callable[[Machine, bytes | None], object]


def _constant(value: object) -> Handler:
    return lambda machine, _: machine.push(value)


def _text(encoding: str) -> Handler:
    def handle(machine: Machine, said: bytes | None) -> None:
        try:
            text = None if said is None else said.decode(encoding, "surrogatepass" if encoding == "utf-8" else "strict")
        except UnicodeDecodeError:
            text = None
        machine.push(OTHER if text is None or len(text) > MOST_TEXT else text)

    return handle


def _quoted(machine: Machine, said: bytes | None) -> None:
    inner = (said or b"").strip()
    if len(inner) < 2 or inner[:1] not in (b"'", b'"') or inner[-1:] != inner[:1]:
        raise BrokenError("has a text without quotes")
    try:
        text = codecs.escape_decode(inner[1:-1])[0].decode("ascii")
    except (ValueError, UnicodeDecodeError):
        machine.push(OTHER)
    else:
        machine.push(text if len(text) <= MOST_TEXT else OTHER)


def _integer(machine: Machine, said: bytes | None) -> None:
    """Little-endian; a long one is not kept."""
    few = said is not None and len(said) <= _MOST_LONG
    machine.push(int.from_bytes(said or b"", "little", signed=True) if few else OTHER)


def _unsigned(machine: Machine, said: bytes | None) -> None:
    machine.push(int.from_bytes(said or b"", "little"))


def _number(machine: Machine, said: bytes | None) -> None:
    if said is None or not _NUMBER.fullmatch(said):
        raise BrokenError("has a number that is none")
    text = said.strip(b"\0 \t\r").removesuffix(b"L")
    if text in (b"00", b"01"):
        machine.push(text == b"01")
    else:
        machine.push(int(text) if text.lstrip(b"-").isdigit() and len(text) < 2 * _MOST_LONG else OTHER)


def _index(machine: Machine, said: bytes | None) -> int:
    text = (said or b"").strip()
    if not text.isdigit() or len(text) > 10:
        raise BrokenError("has a place in its memory that is none")
    return int(text)


def _tuple(count: int) -> Handler:
    def handle(machine: Machine, _: bytes | None) -> None:
        items = [machine.pop() for _ in range(count)]
        machine.push(tuple_of(items[::-1]))

    return handle


def _to_other(machine: Machine, _: bytes | None) -> None:
    machine.to_mark()
    machine.push(OTHER)


def _onto(machine: Machine, items: list[object]) -> None:
    """Entries for the dict on top, keys and values by turns."""
    target = machine.top()
    if isinstance(target, Keyed):
        for key, value in zip(items[::2], items[1::2], strict=False):
            target.put(key, value)


def _set_item(machine: Machine, _: bytes | None) -> None:
    value, key = machine.pop(), machine.pop()
    _onto(machine, [key, value])


def _append(machine: Machine, _: bytes | None) -> None:
    machine.pop()
    machine.top()


def _extend(machine: Machine, _: bytes | None) -> None:
    machine.to_mark()
    machine.top()


def _drop(machine: Machine, _: bytes | None) -> None:
    if machine.stack and machine.stack[-1] is MARK:
        machine.stack.pop()
    else:
        machine.pop()


def _lines(said: bytes | None) -> tuple[str, str]:
    try:
        module, _, name = (said or b"").decode("utf-8").partition("\n")
    except UnicodeDecodeError:
        raise BrokenError("imports something that cannot be a name") from None
    return module, name


def _stack_global(machine: Machine, _: bytes | None) -> None:
    name, module = machine.pop(), machine.pop()
    machine.push(machine.take_from(module, name))


def _inst(machine: Machine, said: bytes | None) -> None:
    what = machine.take_from(*_lines(said))
    machine.call(what, tuple_of(machine.to_mark()))


def _obj(machine: Machine, _: bytes | None) -> None:
    what, *arguments = machine.to_mark() or [OTHER]
    machine.call(what, tuple_of(arguments))


def _extension(machine: Machine, said: bytes | None) -> None:
    machine.push(machine.take_from("copyreg", f"extension {int.from_bytes(said or b'', 'little')}"))


def _reduce(machine: Machine, _: bytes | None) -> None:
    arguments, what = machine.pop(), machine.pop()
    machine.call(what, arguments)


def _new(machine: Machine, _: bytes | None) -> None:
    arguments, what = machine.pop(), machine.pop()
    machine.call(what, arguments, plainly=True)


def _new_by_keyword(machine: Machine, _: bytes | None) -> None:
    machine.pop()
    _reduce(machine, None)


def _persistent(machine: Machine, _: bytes | None) -> None:
    machine.pop()
    machine.push(OTHER)


def _protocol(machine: Machine, said: bytes | None) -> None:
    if said is None or said > b"\x05":
        raise BrokenError("is of a protocol that nobody knows")


_BY_NAME: Final[dict[str, Handler]] = {
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    **dict.fromkeys(("INT", "LONG", "FLOAT"), _number),
    **dict.fromkeys(("BININT1", "BININT2"), _unsigned),
    **dict.fromkeys(("BININT", "LONG1", "LONG4"), _integer),
    **dict.fromkeys(("BINFLOAT", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"), _constant(OTHER)),
    **dict.fromkeys(("EMPTY_LIST", "EMPTY_SET", "PERSID", "NEXT_BUFFER"), _constant(OTHER)),
    **dict.fromkeys(("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _text("utf-8")),
    "UNICODE": _text("raw-unicode-escape"),
    **dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), _text("ascii")),
    "STRING": _quoted,
    "EMPTY_TUPLE": _constant(()),
    "EMPTY_DICT": lambda machine, _: machine.push(Keyed()),
    "TUPLE": lambda machine, _: machine.push(tuple_of(machine.to_mark())),
    **{f"TUPLE{count}": _tuple(count) for count in (1, 2, 3)},
    **dict.fromkeys(("LIST", "DICT", "FROZENSET"), _to_other),
    "APPEND": _append,
    **dict.fromkeys(("APPENDS", "ADDITEMS"), _extend),
    "SETITEM": _set_item,
    "SETITEMS": lambda machine, _: _onto(machine, machine.to_mark()),
    "MARK": lambda machine, _: machine.push(MARK),
    "POP": _drop,
    "POP_MARK": lambda machine, _: machine.to_mark(),
    "DUP": lambda machine, _: machine.push(machine.top()),
    "PUT": lambda machine, said: machine.put(_index(machine, said)),
    **dict.fromkeys(
        ("BINPUT", "LONG_BINPUT"), lambda machine, said: machine.put(int.from_bytes(said or b"", "little"))
    ),
    "MEMOIZE": lambda machine, _: machine.memoize(),
    "GET": lambda machine, said: machine.get(_index(machine, said)),
    **dict.fromkeys(
        ("BINGET", "LONG_BINGET"), lambda machine, said: machine.get(int.from_bytes(said or b"", "little"))
    ),
    "GLOBAL": lambda machine, said: machine.push(machine.take_from(*_lines(said))),
    "STACK_GLOBAL": _stack_global,
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _extension),
    "INST": _inst,
    "OBJ": _obj,
    "REDUCE": _reduce,
    "NEWOBJ": _new,
    "NEWOBJ_EX": _new_by_keyword,
    "BUILD": lambda machine, _: machine.build(),
    "BINPERSID": _persistent,
    "READONLY_BUFFER": lambda machine, _: machine.top(),
    "PROTO": _protocol,
    "FRAME": lambda _, __: None,
    "STOP": lambda machine, _: machine.top(),
}
_HANDLERS: Final = {code: _BY_NAME[name] for code, name in NAMES.items()}
