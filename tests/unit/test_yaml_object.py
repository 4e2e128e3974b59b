"""Would catch a file of a tenant's that brings the operator down, or keeps it busy, when it is read as YAML."""

import math
import subprocess
import sys

import pytest
import yaml
from crossfade.yaml_object import yaml_object

_WHOLE = 900_000
_HOSTILE = {
    "deep in blocks": "outs:\n " + "- " * 30_000,
    "deep in lists": "a: " + "[" * 100_000,
    "deep in mappings": "a: " + "{a: " * 100_000,
    "deep in keys": "? " * 100_000,
    "numbers to base 60": "a: 1" + ":59" * (_WHOLE // 3),
    "fractions to base 60": "a: 1" + ":59" * (_WHOLE // 3) + ".5",
    "digits": "a: " + "9" * _WHOLE,
    "hexadecimal digits": "a: 0x" + "f" * _WHOLE,
    "a large power": "a: 1e" + "9" * _WHOLE,
    "equal hashes": "{" + ", ".join(f"{number * (2**61 - 1)}: 1" for number in range(30_000)) + "}",
    "merged keys": "<<: {}\n" * 100_000,
    "anchors": "a: [" + "&a x, " * 100_000 + "]",
    "directives": "".join(f"%TAG !{number}! x\n" for number in range(40_000)) + "--- {a: 1}",
    "entries": "a:\n" + "- \n" * 250_000,
    "aliases": "a: &a [x]\nb: [*a, *a]",
    "too long": "a: " + "x" * (1 << 20),
}


@pytest.mark.parametrize("name", _HOSTILE)
def test_a_hostile_file_is_read_or_refused_at_once(name: str) -> None:
    """In a thread of another process, as a stack that overflows ends the process."""
    program = (
        "import sys, threading, time; from crossfade.yaml_object import yaml_object; text = sys.stdin.read();"
        "told = []; one = threading.Thread(target=lambda: told.append(yaml_object(text))); one.start(); one.join();"
        "assert told; assert time.process_time() < 5; print(told[0] is None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=_HOSTILE[name], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-300:]
    refused = {"deep in blocks", "deep in lists", "deep in mappings", "deep in keys", "directives", "entries"}
    if name in refused | {"aliases", "too long"}:
        assert done.stdout.strip() == "True"


def test_what_dvc_and_mlflow_write_is_read() -> None:
    written = {
        "outs": [{"md5": "d41d8cd98f00b204e9800998ecf8427e", "size": 64, "hash": "md5", "path": "fraud"}],
        "params": {"lr": 0.1, "small": 1e-05, "layers": [3, 4], "on": True, "off": False, "none": None, "name": "x: y"},
        "empty": {},
        "minus": -7,
        "texts": ["1", "true", "null", "1.5", "", "two\nlines\n"],
    }
    for flow in (None, True, False):
        assert yaml_object(yaml.safe_dump(written, default_flow_style=flow)) == written


def test_what_has_a_type_that_takes_time_or_is_doubtful_is_a_text() -> None:
    said = yaml_object("a: .inf\nb: -.inf\nc: .nan\nd: ~\ne:\nf: 1.5E+3\ng: 1e-05\n")
    assert said is not None
    assert math.isnan(said.pop("c"))
    assert said == {"a": math.inf, "b": -math.inf, "d": None, "e": None, "f": 1500.0, "g": 1e-05}
    texts = {"a": "1_000", "b": "1:30", "c": "2024-01-01", "d": "0x1f", "e": "1e5", "f": "9" * 19, "1": "one"}
    assert yaml_object("".join(f"{key}: {value}\n" for key, value in texts.items())) == texts
    assert yaml_object("a: !!str 1\nb: ! 1") == {"a": "1", "b": "1"}


@pytest.mark.parametrize(
    "text", ["", "- a", "a", "a: 1\n---\nb: 2", "[", "a: !!python/object:os.system {}", "? [a]\n: b", "? {a: b}\n: c"]
)
def test_what_is_no_one_mapping_of_names_is_none(text: str) -> None:
    assert yaml_object(text) is None


def test_bytes_that_are_no_utf_8_are_none() -> None:
    assert yaml_object(b"a: \xff") is None
    assert yaml_object("a: é".encode()) == {"a": "é"}


def test_as_many_levels_as_people_write_are_read() -> None:
    assert yaml_object("a: " + "[" * 60 + "]" * 60)
