"""Would catch a doctor that finds faults where there are none, takes what it could not see for well, or says in its
documentation what it does not do."""

import json
import re
from pathlib import Path

import pytest
import yaml
from crossfade.cli.doctor import Place, as_json, print_for_people
from crossfade.doctor.checks import CHECKS, examined, status_of
from crossfade.doctor.finding import Level, fault, ok, unseen, warning
from crossfade.observe.examiner import LISTS

from tests.unit.doctor.cluster import FakeCluster, told
from tests.unit.doctor.cluster import examined as facts_of

_DOCS = Path(__file__).parents[3] / "docs" / "doctor.md"


def test_a_cluster_in_which_all_is_well_has_no_fault_and_every_check_says_so() -> None:
    found = examined(facts_of(FakeCluster()))
    assert [str(one) for _, findings in found for one in findings if one.level is not Level.OK] == []
    assert all(findings for _, findings in found)
    assert status_of(tuple(one for _, findings in found for one in findings)) == 0


def test_an_empty_cluster_is_told_what_to_install_and_nothing_fails() -> None:
    cluster = FakeCluster()
    cluster.objects = {}
    cluster.unserved = set(LISTS) - {"operators", "operatorpods", "deployments", "services", "networkpolicies"}
    found = {check.name: findings for check, findings in examined(facts_of(cluster))}
    assert "helm install crossfade" in found["operator"][0].cure
    assert "kubectl apply" in found["kinds"][0].cure
    assert found["gateway-api"][0].level is Level.WARNING
    assert found["standing"][0].level is Level.OK


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        ((ok("a"),), 0),
        ((ok("a"), warning("b", "c", "d")), 0),
        ((ok("a"), unseen("b", "c")), 2),
        ((unseen("a", "b"), fault("c", "d", "e")), 1),
    ],
)
def test_the_exit_status_says_works_faults_or_not_seen(findings: tuple[object, ...], status: int) -> None:
    assert status_of(findings) == status  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", sorted({kind for check in CHECKS for kind in check.reads} & set(LISTS)))
def test_what_may_not_be_listed_is_named_and_never_taken_for_well(kind: str) -> None:
    cluster = FakeCluster()
    cluster.refused = {kind}
    for check in CHECKS:
        if kind in check.reads:
            (found,) = told(cluster, check.name)
            assert found.level is Level.UNSEEN
            assert f'cannot list resource "{kind}"' in found.seen
            assert kind in found.cure


def test_one_namespace_is_looked_at_alone() -> None:
    cluster = FakeCluster()
    cluster.objects["modelregistries"][0]["metadata"]["namespace"] = "other"
    assert told(cluster, "registries")[0].level is Level.FAULT
    assert told(cluster, "registries", "ml")[0].level is Level.OK


def test_people_get_a_line_for_each_finding_and_machines_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    cluster = FakeCluster()
    cluster.version = "v1.29.0"
    found = examined(facts_of(cluster))
    print_for_people(found, 1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["fault", "kubernetes", "Kubernetes"]
    assert [line.split()[0] for line in lines[1:3]] == ["why:", "cure:"]
    assert lines[-1].startswith("It does not work here yet. Findings: 1 faults, 0 warnings, 0 not looked at, ")
    machine = json.loads(as_json(Place("https://10.96.0.1:443", "the context `prod`"), found, 1))
    assert machine["cluster"] == {"address": "https://10.96.0.1:443", "way": "the context `prod`"}
    assert machine["status"] == 1
    assert machine["checks"][0]["findings"][0]["cure"].startswith("upgrade the control plane")
    assert [one["name"] for one in machine["checks"]] == [check.name for check in CHECKS]


def test_no_secret_is_shown_or_kept() -> None:
    facts = facts_of(FakeCluster())
    assert "c2VjcmV0" not in repr(facts)
    assert "c2VjcmV0" not in as_json(Place("https://10.96.0.1:443", "the context `prod`"), examined(facts), 0)


def test_the_documentation_lists_the_checks_and_all_that_they_read() -> None:
    text = _DOCS.read_text().partition("## What is asked")[2]
    rows = re.findall(r"^\| `([a-z-]+)` \| ([^|]+) \| [^|]+ \|$", text, re.MULTILINE)
    assert [(check.name, check.asks) for check in CHECKS] == [(name, asks) for name, asks in rows]
    role = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    granted = {(group, kind) for rule in role["rules"] if "list" in rule["verbs"] for group in rule["apiGroups"]
               for kind in rule["resources"]}  # fmt: skip
    listed = {(one.root.removeprefix("/apis/").rpartition("/")[0].removeprefix("/api"), one.plural)
              for one in LISTS.values()} | {("", "namespaces")}  # fmt: skip
    assert granted == listed
