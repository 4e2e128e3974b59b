"""Would catch an administrator's mistake that shows only when a rollout needs metrics, and secrets in messages."""

from pathlib import Path

import pytest
from crossfade.cli.run import run
from crossfade.settings import MetricsSource, Settings, metrics_sources

GOOD = """
- name: mimir
  address: https://mimir.example/prometheus/
  tenant: ml|fraud
  bearerTokenFile: /etc/crossfade/secrets/mimir/token
  caFile: /etc/crossfade/secrets/mimir/ca.crt
  timeout: 10
- name: default
  address: http://prometheus:9090
  basic: {username: crossfade, passwordFile: /etc/crossfade/secrets/prometheus/password}
"""


def listed(folder: Path, text: str) -> tuple[MetricsSource, ...]:
    file = folder / "sources.yaml"
    file.write_text(text)
    return metrics_sources(file)


def test_sources_are_read_as_documented(tmp_path: Path) -> None:
    mimir, default = listed(tmp_path, GOOD)
    assert (mimir.address, mimir.tenant, mimir.timeout) == ("https://mimir.example/prometheus", "ml|fraud", 10.0)
    assert mimir.bearer_token_file == Path("/etc/crossfade/secrets/mimir/token")
    assert default.basic is not None
    assert default.basic.password_file == Path("/etc/crossfade/secrets/prometheus/password")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "must be a list of sources, each with `name` and `address`"),
        ("name: a", "must be a list of sources"),
        ("- {name: a, address: 'http://a'\\nsecret", "is no YAML, see line 1"),
        ("- 3", r"\[0\] Input should be"),
        ("- {name: A, address: http://a}", r"\[0\].name String should match pattern"),
        ("- {name: a}", r"\[0\].address Field required"),
        ("- {name: a, address: 'http://u:secret@a'}", r"\[0\].address an address must not carry a user or a password"),
        ("- {name: a, address: 'u:secret@a'}", "must not carry a user or a password"),
        ("- {name: a, address: 'http://a?token=secret'}", "must not have a query or a fragment"),
        ("- {name: a, address: 'ftp://a'}", "'ftp://a' must be an address such as"),
        ("- {name: a, address: http://a, bearerToken: secret}", r"\[0\].bearerToken Extra inputs are not permitted"),
        ("- {name: a, address: http://a, bearerTokenFile: secret}", "must be the absolute path of a file"),
        ("- {name: a, address: http://a, tenant: 'secret\\n'}", r"\[0\].tenant String should match pattern"),
        ("- {name: a, address: http://a, timeout: 0}", r"\[0\].timeout Input should be greater than or equal to 0.5"),
        ("- {name: a, address: http://a, basic: {username: 'a:secret', passwordFile: /p}}", r"\[0\].basic.username"),
        ("- {name: a, address: http://a, basic: {username: a}}", r"\[0\].basic.passwordFile Field required"),
        (
            "- {name: a, address: http://a, bearerTokenFile: /t, basic: {username: a, passwordFile: /p}}",
            r"\[0\] must have no more than one of `bearerTokenFile` and `basic`",
        ),
        ("- {name: a, address: https://a, certFile: /c}", "must have both of `certFile` and `keyFile`, or none"),
        ("- {name: a, address: http://a, caFile: /c}", "must have an address that begins with https://"),
        (
            "- {name: a, address: http://a}\n- {name: a, address: http://b}",
            "must have different names; twice or more: a",
        ),
    ],
)
def test_a_mistake_is_named_by_its_place_and_no_secret_is_repeated(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as failure:
        listed(tmp_path, text)
    assert str(failure.value).startswith(str(tmp_path / "sources.yaml"))
    assert "secret" not in str(failure.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: No such file or directory"):
        metrics_sources(tmp_path / "sources.yaml")


def test_the_operator_does_not_start_on_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text("- {name: a}")
    with pytest.raises(BaseException, match="2"):
        run(prometheus_address="http://prometheus", metrics_sources=file)
    assert capsys.readouterr().err == f"--metrics-sources: {file}: [0].address Field required\n"


def test_networks_are_read_as_documented() -> None:
    settings = {"prometheus_address": "http://prometheus", "loader_image": "crossfade"}
    found = Settings.model_validate(settings | {"allowed_networks": "10.0.0.0/8,fd00::/8"})
    assert list(map(str, found.allowed_networks)) == ["10.0.0.0/8", "fd00::/8"]
    assert Settings.model_validate(settings | {"allowed_networks": ""}).allowed_networks == ()


def test_a_network_that_is_none_is_refused_with_what_would_be_right(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BaseException, match="2"):
        run(prometheus_address="http://prometheus", allowed_networks="10.0.0.1/8")
    told = "'10.0.0.1/8' must be a network such as 10.0.0.0/8, with zeros behind its length"
    assert capsys.readouterr().err == f"--allowed-networks: Value error, {told}\n"


def test_a_policy_that_is_none_is_refused_with_what_would_be_right(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BaseException, match="2"):
        run(prometheus_address="http://prometheus", pickle_policy="None")
    assert capsys.readouterr().err == "--pickle-policy: Input should be 'Allow', 'KnownOnly' or 'Forbid'\n"


def test_a_lease_without_a_namespace_is_refused_with_what_would_be_right(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BaseException, match="2"):
        run(prometheus_address="http://prometheus", lease="crossfade")
    told = "'crossfade' must be a namespace and a name, such as crossfade-system/crossfade"
    assert capsys.readouterr().err == f"--lease: Value error, {told}\n"
