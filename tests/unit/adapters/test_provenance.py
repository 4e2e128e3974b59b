"""Would catch a version whose maker or time is lost, is somebody else's, or is nothing that a status can hold."""

from typing import Any

import pytest
from crossfade.adapters.registries import (
    azureml_facts,
    mlflow_facts,
    oci_facts,
    sagemaker_facts,
    vertex_facts,
    wandb_facts,
)
from crossfade.adapters.wandb_address import WandbAddress
from crossfade.api.v1alpha1.facts import Facts, Provenance
from crossfade.observe.contents import facts_of

WANDB = WandbAddress("team", "fraud", "m", "v0", "QQ==", "0" * 32)
IMAGE = "org.opencontainers.image."
WHO = "Ada Lovelace 你好"
SECOND = "2026-11-01T10:00:00.000000Z"
BEYOND = "2026-11-01T12:00:00+02:00"
AT = 1_793_527_200


def mlflow(version: Any) -> Provenance | None:
    return mlflow_facts.provenance(version)


def sagemaker(package: Any) -> Provenance | None:
    return sagemaker_facts.facts(package, {}).provenance


def azure(made: Any) -> Provenance | None:
    return azureml_facts.facts({"systemData": made}, {}).provenance


def vertex(model: Any) -> Provenance | None:
    return vertex_facts.facts(model, {}, {}, "https://page").provenance


def wandb(artifact: Any, maker: Any = None) -> Provenance | None:
    return wandb_facts.facts({"artifact": artifact}, WANDB, maker or {}, {}, "https://page").provenance


def oci(notes: Any, config: Any = None) -> Provenance | None:
    return oci_facts.facts({"annotations": notes}, config or {}).provenance


TOLD: list[tuple[Provenance | None, str | None, str | None]] = [
    (mlflow({"user_id": WHO, "creation_timestamp": AT * 1000}), WHO, SECOND),
    (mlflow({"creation_timestamp": str(AT * 1000 + 1)}), None, "2026-11-01T10:00:00.001000Z"),
    (sagemaker({"CreatedBy": {"UserProfileName": WHO}, "CreationTime": AT + 0.5}), WHO, "2026-11-01T10:00:00.500000Z"),
    (sagemaker({"CreatedBy": {"IamIdentity": {"Arn": "arn:aws:iam::1:role/ci"}}}), "arn:aws:iam::1:role/ci", None),
    (
        azure({"createdBy": WHO, "createdByType": "User", "createdAt": "2026-11-01T10:00:00.1234567+00:00"}),
        WHO,
        "2026-11-01T10:00:00.1234567+00:00",
    ),
    (vertex({"versionCreateTime": SECOND, "createTime": "2025-01-01T00:00:00Z"}), None, SECOND),
    (wandb({"createdAt": "2026-11-01T10:00:00"}, {"user": {"username": WHO}}), WHO, "2026-11-01T10:00:00Z"),
    (wandb({}, {"username": WHO}), WHO, None),
    (
        oci({f"{IMAGE}created": "2026-11-01T12:00:00+02:00", f"{IMAGE}vendor": "acme"}),
        "acme",
        "2026-11-01T12:00:00+02:00",
    ),
    (oci({f"{IMAGE}authors": "ada", f"{IMAGE}vendor": "acme"}), "ada", None),
    (oci({f"{IMAGE}authors": "ada"}, {"descriptor": {"authors": ["Grace", "Ada"]}}), "Grace, Ada", None),
    (oci({}, {"package": {"authors": ["Grace"]}}), "Grace", None),
]


@pytest.mark.parametrize(("found", "who", "when"), TOLD)
def test_who_made_it_and_when_are_as_the_registry_says(
    found: Provenance | None, who: str | None, when: str | None
) -> None:
    assert found == Provenance(origin="Registry", created_by=who, created_at=when)


STRANGE: list[Any] = [
    None,
    True,
    "",
    "yesterday",
    -1,
    0,
    1e300,
    float("nan"),
    "9" * 30,
    [],
    {},
    {"a": 1},
    "2026-02-30T",
]


@pytest.mark.parametrize("strange", STRANGE)
def test_what_is_no_time_and_no_name_is_left_out(strange: Any) -> None:
    times = {"CreationTime": strange, "creation_timestamp": strange, "createdAt": strange, "versionCreateTime": strange}
    for told in (mlflow, sagemaker, azure, vertex, wandb):
        assert told(times) is None, told
    assert oci({f"{IMAGE}created": strange}) is None
    for nobody in ([], {}, 7, None, ""):
        names = {"user_id": nobody, "CreatedBy": nobody, "createdBy": nobody}
        for told in (mlflow, sagemaker, azure, wandb):
            assert told(names) is None, told


@pytest.mark.parametrize(
    "when", ["2026-02-30T10:00:00Z", "2026-11-01T10:00:00+25:00", "2026-11-01T10:00:00", "2026-11-01"]
)
def test_a_time_that_the_api_server_would_refuse_is_left_out(when: str) -> None:
    assert oci({f"{IMAGE}created": when}) is None


def test_a_name_without_end_is_cut_and_shows_nothing_that_cannot_be_shown() -> None:
    found = mlflow({"user_id": "\x1b[31m" + "a" * 999})
    assert found is not None
    assert found.created_by == "\ufffd[31m" + "a" * 248


def test_of_files_the_time_is_when_mlflow_logged_them() -> None:
    logged = b"utc_time_created: '2026-11-01 10:00:00.123456'\n"
    assert facts_of({"MLmodel": logged}) == Facts(
        provenance=Provenance(origin="Artifact", created_at="2026-11-01T10:00:00.123456Z")
    )
    for none in (b"utc_time_created: 7", b"utc_time_created: ''", b"{}", b"utc_time_created: 2026-02-30 10:00:00"):
        assert facts_of({"MLmodel": none}).provenance is None
