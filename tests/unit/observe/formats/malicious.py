"""Pickles that touch the file `canary` when they are loaded, each in another way. Never load one here."""

import codecs
import pickle
import struct


def short(text: str) -> bytes:
    """A text as protocol 4 writes it."""
    return b"\x8c" + bytes([len(text)]) + text.encode()


def corpus(canary: str) -> dict[str, tuple[bytes, str]]:
    """By what is done: the bytes, and the name that must be told."""
    order = f"touch {canary}".encode()
    argument = b"S'" + order + b"'\n"
    plain = b"cos\nsystem\n(" + argument + b"tR."
    python = f"open({canary!r}, 'w')".encode()
    system = short("os") + short("system") + b"\x93"
    call = short(order.decode()) + b"\x85R."
    return {
        "a call of protocol 0": (plain, "os.system"),
        "posix, as pickle itself writes it": (b"cposix\nsystem\n(" + argument + b"tR.", "posix.system"),
        "eval": (b"\x80\x02cbuiltins\neval\nX" + struct.pack("<I", len(python)) + python + b"\x85R.", "builtins.eval"),
        "Python 2's eval": (
            b"\x80\x02c__builtin__\neval\n(S" + repr(python.decode()).encode() + b"\ntR.",
            "__builtin__.eval",
        ),
        "INST": (b"(" + argument + b"ios\nsystem\n.", "os.system"),
        "OBJ": (b"(cos\nsystem\n" + argument + b"o.", "os.system"),
        "STACK_GLOBAL": (b"\x80\x04" + system + call, "os.system"),
        "STACK_GLOBAL out of the memo": (
            b"\x80\x04" + short("system") + b"\x94" + short("os") + b"\x94" + b"00" + b"h\x01h\x00\x93" + call,
            "os.system",
        ),
        "the memo written over": (
            b"\x80\x04"
            + short("numpy")
            + b"q\x05"
            + b"0"
            + short("os")
            + b"q\x050"
            + b"h\x05"
            + short("system")
            + b"\x93"
            + call,
            "os.system",
        ),
        "places of the memo with a gap": (
            b"\x80\x04"
            + short("os")
            + b"r\xff\xff\x00\x000"
            + short("system")
            + b"\x940"
            + b"j\xff\xff\x00\x00h\x01\x93"
            + call,
            "os.system",
        ),
        "texts that are doubled, popped and escaped": (
            b"\x80\x04VNone\n0V\\u006fs\n2N00(N1" + short("system") + b"\x93" + call,
            "os.system",
        ),
        "a text of Python 2": (b"\x80\x04U\x02osU\x06system\x93" + call, "os.system"),
        "a quoted text with escapes": (b"\x80\x04S'\\x6f\\x73'\nS'system'\n\x93" + call, "os.system"),
        "a dotted name": (
            b"\x80\x04" + short("collections") + short("abc.sys.modules") + b"\x93.",
            "collections.abc.sys.modules",
        ),
        "a chain of getattr": (
            b"\x80\x04"
            + short("builtins")
            + short("getattr")
            + b"\x93"
            + short("builtins")
            + short("__import__")
            + b"\x93"
            + short("os")
            + b"\x85R"
            + short("system")
            + b"\x86R"
            + call,
            "builtins.getattr",
        ),
        "a pickle in a pickle": (
            b"\x80\x03c_pickle\nloads\nC" + bytes([len(plain)]) + plain + b"\x85R.",
            "_pickle.loads",
        ),
        "broken behind the call": (plain[:-1] + b"\xff", "os.system"),
        "cut off behind the call": (b"\x80\x04" + system + call[:-1], "os.system"),
        "a second pickle": (pickle.dumps(1) + plain, "os.system"),
        "in a frame that lies": (b"\x80\x04\x95" + struct.pack("<Q", 3) + system + call, "os.system"),
        "a number first that is odd": (b"I 0x10\n0" + plain, "os.system"),
        "encoded": (
            b"\x80\x04"
            + short("builtins")
            + short("exec")
            + b"\x93"
            + short("_codecs")
            + short("decode")
            + b"\x93"
            + short(codecs.encode(python.decode(), "rot13"))
            + short("rot13")
            + b"\x86R\x85R.",
            "builtins.exec",
        ),
        "NEWOBJ": (
            b"\x80\x04"
            + short("subprocess")
            + short("Popen")
            + b"\x93("
            + short("touch")
            + short(canary)
            + b"t\x85\x81.",
            "subprocess.Popen",
        ),
        "NEWOBJ_EX": (
            b"\x80\x04"
            + short("subprocess")
            + short("Popen")
            + b"\x93("
            + short("touch")
            + short(canary)
            + b"t\x85}\x92.",
            "subprocess.Popen",
        ),
        "BUILD of a known one": (
            b"\x80\x04"
            + short("collections")
            + short("OrderedDict")
            + b"\x93)R}"
            + short("x")
            + system
            + b"sb0"
            + system
            + call,
            "os.system",
        ),
    }


ONLY_NAMED = {"NEWOBJ", "NEWOBJ_EX", "a dotted name", "in a frame that lies"}
"""What need not touch the file, as a loader refuses it or it only takes something."""
