"""Would catch a mounted model that is taken for verified: empty, changed, or one that cannot be read."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from crossfade.cli import last_words
from crossfade.cli.verify import verify
from crossfade.model.manifest import File, mvd1

URI = "oci://registry.example.com/fraud@sha256:" + "0" * 64
CONTENT = b"weights"
PROMISED = mvd1([File("1/weights", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())])


@pytest.fixture
def image(tmp_path: Path) -> Path:
    made = tmp_path / "mnt"
    (made / "models" / "1").mkdir(parents=True)
    (made / "models" / "1" / "weights").write_bytes(CONTENT)
    return made


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the kubelet finds."""
    log = tmp_path / "termination-log"
    log.touch()
    monkeypatch.setattr(last_words, "_TERMINATION_LOG", log)
    return log


def status(image: Path) -> int:
    return verify(["--uri", URI, "--digest", PROMISED, "--image", str(image)])


def seen(image: Path) -> list[tuple[str, int, int]]:
    return sorted((str(one), one.stat().st_mode, one.stat().st_mtime_ns) for one in (image, *image.rglob("*")))


def test_what_was_promised_is_verified_and_nothing_is_changed(
    image: Path, words: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = seen(image)
    assert status(image) == 0
    said = f"1 files with 7 bytes of {URI}, mounted at {image}, are verified as {PROMISED}"
    assert said in capsys.readouterr().out
    assert (seen(image), words.read_text()) == (before, "")


def more(image: Path) -> None:
    (image / "models" / "more").touch()


def less(image: Path) -> None:
    (image / "models" / "1" / "weights").unlink()


def renamed(image: Path) -> None:
    (image / "models" / "1").rename(image / "models" / "2")


def a_bit(image: Path) -> None:
    (image / "models" / "1" / "weights").write_bytes(b"weightr")


def link(image: Path) -> None:
    less(image)
    (image / "models" / "1" / "weights").symlink_to("/etc/hostname")


def neighbours(image: Path) -> None:
    for name in ("bin", "etc", "lib", "usr"):
        (image / name).mkdir()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (more, "have the digest sha256:"),
        (less, "a model must have at least one file; none was found"),
        (renamed, f"but {PROMISED} was promised"),
        (a_bit, "have the digest sha256:"),
        (link, "'1/weights' is a symlink or another special file"),
        (
            neighbours,
            f"the image {URI} has bin, etc, lib, … beside /models, which nobody verified; build it FROM scratch",
        ),
    ],
)
def test_other_files_end_with_the_status_and_the_words_of_other_bytes(
    image: Path, words: Path, change: Callable[[Path], None], why: str
) -> None:
    change(image)
    assert status(image) == 3
    assert why in words.read_text()


@pytest.mark.parametrize("place", ["absent", "empty"])
def test_where_nothing_is_mounted_nothing_is_verified_and_never_will_be(image: Path, words: Path, place: str) -> None:
    (image / "empty").mkdir()
    assert status(image / place) == 3
    assert f"nothing is mounted at {image / place}: the cluster or this node has no image vol" in words.read_text()


def test_files_that_may_not_be_read_say_who_wants_to_read_them(
    image: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "pread", refuse)
    assert status(image) == 1
    assert f"Permission denied to the user {os.geteuid()}; build the image so that everybody" in words.read_text()


def test_no_digest_is_no_argument(image: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        verify(["--uri", URI, "--digest", "sha256:0", "--image", str(image)])
