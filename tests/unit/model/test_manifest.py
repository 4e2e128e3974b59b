"""Catches a digest that depends on order or Unicode form or misses a change, and paths that leave the folder."""

import hashlib
import json
import re
import subprocess
import unicodedata
from pathlib import Path
from random import Random

import pytest
from crossfade.model.manifest import File, mvd1, safe_path
from hypothesis import assume, given
from hypothesis import strategies as st

EMPTY = hashlib.sha256(b"").hexdigest()
ABC = hashlib.sha256(b"abc").hexdigest()

part = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="/\\\0"), min_size=1, max_size=8
).filter(lambda text: text not in (".", ".."))
path = st.lists(part, min_size=1, max_size=3).map("/".join)
sha256 = st.binary(min_size=32, max_size=32).map(bytes.hex)
file = st.builds(File, path, st.integers(0, 2**53 - 1), sha256)


def is_tree(files: list[File]) -> bool:
    paths = {unicodedata.normalize("NFC", f.path) for f in files}
    return len(paths) == len(files) and not any(other.startswith(f"{p}/") for p in paths for other in paths)


models = st.lists(file, min_size=1, max_size=6).filter(is_tree)


def test_the_digest_of_one_file_is_that_of_its_json_written_by_hand() -> None:
    text = '[{"path":"model.bin","sha256":"' + ABC + '","size":3}]'
    assert mvd1([File("model.bin", 3, ABC)]) == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_known_vectors_stay_as_they_were_published() -> None:
    assert mvd1([File("MLmodel", 0, EMPTY), File("data/model.pkl", 3, ABC)]) == (
        "sha256:a0430e97f58f3a5313d922ac20efcebb5c1d783e7547b2919fd9f7b7f1a4e566"
    )
    assert mvd1([File("café/モデル", 3, ABC)]) == (
        "sha256:3073e05c9107fcd000362c5f21e61b44eb53b0be5567e8b6569c210e8c831653"
    )


def test_files_are_sorted_by_the_bytes_of_their_path_not_by_utf16_or_locale() -> None:
    names = ["\U0001f600", "\uff5e", "é", "z", "Z", "a/b", "a.b", "a-b"]
    by_bytes = sorted(names, key=str.encode)
    text = json.dumps(
        [{"path": name, "sha256": ABC, "size": 3} for name in by_bytes], ensure_ascii=False, separators=(",", ":")
    )
    assert mvd1(File(name, 3, ABC) for name in names) == "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def test_decomposed_and_composed_names_are_the_same_name() -> None:
    assert mvd1([File("cafe\u0301", 3, ABC)]) == mvd1([File("caf\u00e9", 3, ABC)])


def test_two_names_that_are_equal_once_normalised_are_refused() -> None:
    with pytest.raises(ValueError, match="same path once Unicode is normalised"):
        mvd1([File("cafe\u0301", 3, ABC), File("caf\u00e9", 0, EMPTY)])


def test_a_model_without_files_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one file"):
        mvd1([])


def test_a_file_that_is_a_folder_too_is_refused() -> None:
    with pytest.raises(ValueError, match="'data' both as a file and as a folder"):
        mvd1([File("data", 3, ABC), File("data/model.pkl", 3, ABC)])


@pytest.mark.parametrize(
    "hostile",
    ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a/.", "..", "a\\..\\b", "a\0b", "\udcff", "C:\\x"],
)
def test_a_path_that_could_leave_the_folder_is_refused(hostile: str) -> None:
    with pytest.raises(ValueError, match="must be relative"):
        safe_path(hostile)


@given(models, st.randoms())
def test_the_order_of_the_files_does_not_matter(files: list[File], random: Random) -> None:
    shuffled = files.copy()
    random.shuffle(shuffled)
    assert mvd1(shuffled) == mvd1(files)


@given(models, st.data())
def test_any_change_of_a_path_a_size_or_a_byte_changes_the_digest(files: list[File], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(files) - 1))
    changed = data.draw(file)
    other = [*files[:index], changed, *files[index + 1 :]]
    assume(is_tree(other))
    old = files[index]
    same = safe_path(old.path) == safe_path(changed.path) and (old.size, old.sha256) == (changed.size, changed.sha256)
    assert (mvd1(other) == mvd1(files)) == same


@given(models, file)
def test_an_added_file_changes_the_digest(files: list[File], extra: File) -> None:
    assume(is_tree([*files, extra]))
    assert mvd1([*files, extra]) != mvd1(files)


def test_what_the_page_of_http_has_people_run_gives_the_same_digest(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_bytes(b"{}")
    page = (Path(__file__).parents[3] / "docs" / "registries" / "http.md").read_text()
    (command,) = re.findall(r"```sh\n(.+?)```", page, re.DOTALL)
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    digest = f"sha256:{done.stdout.split()[0]}"
    assert digest == mvd1([File("model.json", 2, hashlib.sha256(b"{}").hexdigest())])
    assert digest in page
