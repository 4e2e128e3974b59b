"""Would catch a configuration of DVC's by which a remote is looked for where nobody said it is."""

import time

import pytest
from crossfade.adapters.dvc_layout import Remote, remote
from crossfade.ports import SourceError

CORE = "[core]\n    remote = s\n"


def configured(*lines: str) -> bytes:
    told = "".join(f"    {line}\n" for line in lines)
    return f"{CORE}['remote \"s\"']\n{told}".encode()


def test_the_server_of_an_s3_remote_is_the_one_that_is_named_or_amazons() -> None:
    url = "url = s3://models/dvc/"
    assert remote(configured(url), None, "r") == Remote(
        "s", "s3://models/dvc", "us-east-1", "https://s3.us-east-1.amazonaws.com"
    )
    assert remote(configured(url, "region = eu-west-1"), None, "r").server == "https://s3.eu-west-1.amazonaws.com"
    named = remote(configured(url, "endpointurl = http://minio:9000/", "region = x"), None, "r")
    assert (named.region, named.server) == ("x", "http://minio:9000")
    assert remote(configured("url = http://h/x", "endpointurl = http://minio"), None, "r") == Remote("s", "http://h/x")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("region = x.evil.example/", "a `region` that is none"),
        ("region = a#b", "a `region` that is none"),
        ("endpointurl = http://u:canary@h", "an `endpointurl` in .dvc/config that is not"),
        ("endpointurl = http://h?canary", "an `endpointurl` in .dvc/config that is not"),
        ("endpointurl = file:///etc/passwd", "an `endpointurl` in .dvc/config that is not"),
        ("endpointurl = h", "an `endpointurl` in .dvc/config that is not"),
    ],
)
def test_a_server_that_cannot_be_one_is_refused(line: str, sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence) as failure:
        remote(configured("url = s3://models/dvc", line), None, "r")
    assert "canary" not in str(failure.value)


@pytest.mark.parametrize("config", [b"[core]\nremote\n  x", b"[core]\nremote\n  x\n\n", b"x", b"\xff", b"[core"])
def test_a_configuration_that_is_none_is_refused_with_a_sentence(config: bytes) -> None:
    with pytest.raises(SourceError, match=r"has a \.dvc/config that cannot be understood"):
        remote(config, None, "r")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("a" + " " * 60_000 + "b", "cannot be understood"),
        ("x\n" + ("a" + "\u3000" * 1000 + "b\n") * 60, "cannot be understood"),
        ("a" * 900_000, "cannot be understood"),
        (("a" + (" " * 31 + "b") * 30 + "\n") * 60, "has no remote 's'"),
        ("[" * 60_000, "has no remote 's'"),
        ("=" * 60_000, "cannot be understood"),
        (" \t" * 30_000 + "= 1", "has no remote"),
        ("a\n b\n" * 10_000, "cannot be understood"),
        ("a = 1\n b\n" * 6_000, "has no remote 's'"),
    ],
    ids=range(9),
)
def test_a_configuration_takes_no_time_however_it_is_written(line: str, sentence: str) -> None:
    """Python's own parser takes as long as the square of a gap's length."""
    began = time.process_time()
    with pytest.raises(SourceError, match=sentence):
        remote(f"{CORE}{line}".encode(), None, "r")
    assert time.process_time() - began < 1
