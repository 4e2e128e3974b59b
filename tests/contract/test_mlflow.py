"""Catches a reference to MLflow that resolves to something else than MLflow's own client would load."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest
from crossfade.api.v1alpha1.facts import Facts
from crossfade.model.access import Access
from crossfade.model.manifest import mvd1
from crossfade.observe.contents import KEPT, facts_of
from crossfade.observe.verify import _on_disk, measure
from crossfade.ports import Reference, SourceError

from testbed.binaries.environments import python_env
from tests.contract.conftest import MlflowBench, inherited_environment, resolved, store

pytestmark = pytest.mark.cluster

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TRAIN = f"""
import sys, mlflow, mlflow.artifacts, pandas
from sklearn.linear_model import LogisticRegression
mlflow.set_tracking_uri(sys.argv[1])
people = pandas.DataFrame({{"age": [0.0, 1.0], "height": [1.0, 2.0]}})
data = mlflow.data.from_pandas(people, source="https://user:canary@data.example/people.csv?sig=canary", name="people")
with mlflow.start_run() as run:
    mlflow.set_tags({{
        "mlflow.source.git.commit": "{COMMIT}", "mlflow.user": "ada", "mlflow.source.name": "train.py",
        "mlflow.source.git.repoURL": "https://token:canary@git.example/churn.git",
    }})
    mlflow.log_params({{"C": 0.5}})
    mlflow.log_input(data, context="training")
    model = LogisticRegression(C=0.5).fit(people, [0, 1])
    logged = mlflow.sklearn.log_model(
        model, name="model", registered_model_name="churn é", input_example=people,
        pip_requirements=["scikit-learn==1.7.2"],
    )
    mlflow.log_metric("auc", 0.875, model_id=logged.model_id, dataset=data)
client = mlflow.MlflowClient()
client.set_registered_model_alias("churn é", "champion", "1")
client.set_model_version_tag("churn é", "1", "team/owner", "risk")
mlflow.artifacts.download_artifacts("models:/churn é@champion", dst_path=sys.argv[2])
print(run.info.run_id)
"""


async def resolve(mlflow: MlflowBench, **source: str) -> Reference:
    return await resolved(Access("mlflow", mlflow.url), **source)


async def test_a_model_logged_by_mlflows_own_client_is_the_one_that_it_downloads(
    mlflow: MlflowBench, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    environment = inherited_environment(HOME=str(tmp_path / "home"), MLFLOW_DISABLE_TELEMETRY="true")
    trained = await asyncio.to_thread(
        subprocess.run,
        [python_env("mlflow") / "bin" / "python", "-c", TRAIN, mlflow.url, str(tmp_path / "theirs")],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    by_alias = await resolve(mlflow, name="churn é", alias="champion")
    assert by_alias == await resolve(mlflow, name="churn é", version="1")
    assert by_alias.uri == "models:/churn é/1"
    assert by_alias.immutable_uri.startswith("mlflow-artifacts:/")
    assert by_alias.registry_version == "1"
    measured = await measure(store(mlflow.url), by_alias.immutable_uri, KEPT)
    # MLflow's client adds a file of its own to what it downloads.
    theirs = [file for file in _on_disk(tmp_path / "theirs") if file.path != "registered_model_meta"]
    assert measured.digest == mvd1(theirs)
    assert measured.files == len(theirs)
    assert measured.weights == mvd1(file for file in theirs if file.path.startswith("model."))
    known, read = by_alias.facts, facts_of(measured.kept)
    assert known is not None
    says_what_the_registry_knows(known, trained.stdout.split()[-1])
    says_what_the_files_know(read)


def says_what_the_registry_knows(found: Facts, run: str) -> None:
    """Where the model of TRAIN comes from, how good it is, and what people wrote beside it."""
    assert found.lineage is not None
    told = found.lineage.to_json()
    assert told.pop("trainedAt").startswith("20")
    (data,) = told.pop("datasets")
    assert len(data.pop("digest")) == 8
    assert data == {"name": "people", "uri": "https://data.example/people.csv", "role": "training"}
    assert told.pop("parameters")["C"] == "0.5"
    assert told == {
        "origin": "Registry",
        "runId": run,
        "gitCommit": COMMIT,
        "gitRepository": "https://git.example/churn.git",
        "source": "train.py",
        "user": "ada",
    }
    assert found.provenance is not None
    assert found.provenance.created_at is not None
    assert found.provenance.created_by is None, "MLflow's open source server does not note who registers a version"
    assert found.evaluation is not None
    assert found.evaluation.to_json()["scores"] == [{"metric": "auc", "value": "0.875", "dataset": "people"}]
    assert found.tags is not None
    assert found.tags.values == {"team/owner": "risk"}
    assert found.registry_url is not None
    assert found.registry_url.endswith("/#/models/churn%20%C3%A9/versions/1")


def says_what_the_files_know(found: Facts) -> None:
    """What the model of TRAIN takes and gives, and what it wants to run in."""
    assert found.signature is not None
    assert [(one.name, one.type) for one in found.signature.inputs] == [("age", "double"), ("height", "double")]
    assert len(found.signature.outputs) == 1
    assert (found.signature.parameters, found.signature.digest) == ([], None)
    assert found.environment is not None
    assert found.environment.python_version is not None
    assert found.environment.python_version.startswith("3.")
    assert found.environment.requirements["scikit-learn"] == "1.7.2"
    assert found.provenance is not None
    assert found.provenance.created_at is not None
    assert found.environment.files == ["conda.yaml", "python_env.yaml", "requirements.txt"]


async def test_an_alias_is_followed_to_where_it_points_now(mlflow: MlflowBench) -> None:
    name, first = mlflow.model({"weights": b"1"})
    _, second = mlflow.model({"weights": b"2"}, name)
    mlflow.alias(name, "champion", first)
    assert (await resolve(mlflow, name=name, alias="champion")).registry_version == first
    mlflow.alias(name, "champion", second)
    assert (await resolve(mlflow, name=name, alias="champion")).registry_version == second


async def test_what_is_not_registered_yet_may_appear_later(mlflow: MlflowBench) -> None:
    name, _ = mlflow.model({"weights": b"1"})
    for source in ({"name": name, "alias": "champion"}, {"name": name, "version": "7"}, {"name": "none", "alias": "a"}):
        with pytest.raises(SourceError, match="register it there") as failure:
            await resolve(mlflow, **source)
        assert failure.value.retry is True


@pytest.mark.parametrize(
    "source",
    [
        "https://store.example/m?X-Amz-Signature=secret",
        "https://store.example/m#secret",
        "https://user:secret@store.example/m",
        "s3://key:secret@bucket/m",
        "https://[store.example/secret",
    ],
)
async def test_an_address_that_may_carry_a_credential_is_refused_and_not_repeated(
    web: tuple[str, Path], source: str
) -> None:
    url, folder = web
    api = folder / "api/2.0/mlflow/model-versions"
    api.mkdir(parents=True)
    (api / "get").write_text('{"model_version": {"version": "1"}}')
    (api / "get-download-uri").write_text(json.dumps({"artifact_uri": source}))
    with pytest.raises(SourceError, match="a query, fragment or user") as failure:
        await resolved(Access("mlflow", url), name="churn", version="1")
    assert failure.value.retry is False
    assert "secret" not in str(failure.value)


async def test_a_server_that_is_not_there_is_named_without_credentials() -> None:
    with pytest.raises(SourceError, match=r"MLflow at http://127\.0\.0\.1:9 cannot be read") as failure:
        await resolved(Access("mlflow", "http://user:secret@127.0.0.1:9"), name="churn", version="1")
    assert failure.value.retry is True
    assert "secret" not in str(failure.value)


async def test_a_server_that_is_not_mlflow_is_said_so(web: tuple[str, Path]) -> None:
    url, folder = web
    page = folder / "api/2.0/mlflow/model-versions/get"
    page.parent.mkdir(parents=True)
    page.write_text("<html>sign in</html>")
    with pytest.raises(SourceError, match="no JSON object; check that the address is MLflow's own"):
        await resolved(Access("mlflow", url), name="churn", version="1")


async def test_a_version_whose_files_were_deleted_has_no_files(mlflow: MlflowBench) -> None:
    name, version = mlflow.model({"weights": b"1"})
    reference = await resolve(mlflow, name=name, version=version)
    mlflow.remove(reference.immutable_uri)
    with pytest.raises(SourceError, match="has no files"):
        await measure(store(mlflow.url), reference.immutable_uri)


@pytest.mark.parametrize(
    "uri", ["mlflow-artifacts:/", "mlflow-artifacts:/a/../../b", "mlflow-artifacts://elsewhere/1/m"]
)
async def test_an_address_outside_the_servers_folder_is_refused_for_ever(mlflow: MlflowBench, uri: str) -> None:
    with pytest.raises(SourceError, match="only mlflow-artifacts:/<path> is read") as failure:
        await measure(store(mlflow.url), uri)
    assert failure.value.retry is False
