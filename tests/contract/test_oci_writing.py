"""Catches an OCI registry that is told what was not decided, or again and again, and a manifest that is lost."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from crossfade.adapters.registries import oci_writing
from crossfade.model.access import Access
from crossfade.model.writing import Point, Release, Tag
from crossfade.ports import RefusedError

from tests.contract.oci_bench import (
    PUSHER,
    READER,
    STRANGER,
    OciBench,
    by_oras,
    by_password,
    shapes,
    source,
    weight,
    with_tokens,
)
from tests.contract.registry_contract import resolve
from tests.contract.telling import AT, RECORD, named, refused, tell
from tests.support.faults import proxy, refusing
from tests.support.tag_registry import TagRegistry, serving

CANARIES = tuple(shape for who in (PUSHER, READER, STRANGER) for shape in shapes(who))


@pytest.fixture
def registry() -> Iterator[TagRegistry]:
    """One that lets tags be taken away."""
    with serving(TagRegistry()) as made:
        made.push("1.0.0"), made.push("2.0.0")
        yield made


@pytest.fixture
def access(registry: TagRegistry) -> Access:
    return Access("oci", registry.url)


@pytest.fixture(scope="module")
def oci(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OciBench]:
    """Debian's registry with a token server."""
    with with_tokens(tmp_path_factory.mktemp("registry")) as made:
        yield made


@pytest.fixture
def model(oci: OciBench) -> str:
    """A ModelPack of two versions in Debian's registry."""
    name = f"risk/model-{uuid.uuid4().hex[:8]}"
    for number in "12":
        oci.modelpack(f"{name}:{number}.0.0", weight("weights", f"{number} of {name}".encode()))
    return name


def hexes(registry: TagRegistry) -> list[str]:
    """The versions as the operator has them."""
    return [registry.tags[tag].removeprefix("sha256:") for tag in ("1.0.0", "2.0.0")]


async def test_a_tag_is_set_and_moved_on_the_very_bytes_and_what_is_so_already_is_not_written(
    registry: TagRegistry, access: Access
) -> None:
    kept = dict(registry.manifests)
    for version in hexes(registry):
        await tell(access, Point(registry.repository, "champion", "champion", version))
        assert registry.tags["champion"] == f"sha256:{version}"
    assert registry.manifests == kept
    registry.written.clear()
    await tell(access, Point(registry.repository, "champion", "champion", hexes(registry)[1]))
    assert registry.written == []


async def test_a_tag_is_taken_away_while_it_means_what_it_was_given_to_and_no_longer(
    registry: TagRegistry, access: Access
) -> None:
    first, second = hexes(registry)
    over = Release(registry.repository, "challenger", "challenger", first)
    await tell(access, over)
    registry.tags["challenger"] = f"sha256:{second}"
    await tell(access, over)
    assert (registry.written, registry.tags["challenger"]) == ([], f"sha256:{second}")
    registry.tags["challenger"] = f"sha256:{first}"
    await tell(access, over)
    assert registry.written == ["DELETE challenger"]
    assert registry.tags.keys() == {"1.0.0", "2.0.0"}


async def test_a_manifest_that_goes_with_its_last_tag_is_put_back(registry: TagRegistry, access: Access) -> None:
    """Pods may be about to pull it: a version that is registered by its digest has no other tag."""
    registry.frugal = True
    registry.tags["challenger"] = digest = registry.tags.pop("1.0.0")
    kept = registry.manifests[digest]
    await tell(access, Release(registry.repository, "challenger", "challenger", digest.removeprefix("sha256:")))
    assert "challenger" not in registry.tags
    assert registry.manifests[digest] == kept


async def test_a_manifest_that_goes_with_its_last_tag_is_put_back_also_in_a_bad_moment(
    registry: TagRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next try would find neither the tag nor the manifest."""
    monkeypatch.setattr(oci_writing, "_PAUSES", (0.0, 0.0))
    registry.frugal = True
    registry.tags["challenger"] = digest = registry.tags.pop("1.0.0")
    kept = registry.manifests[digest]
    with proxy(registry.url) as front:
        away = refusing(503)
        front.inject(lambda answer: away(answer) if answer.status == 404 else answer, digest, times=2)
        over = Release(registry.repository, "challenger", "challenger", digest.removeprefix("sha256:"))
        await tell(Access("oci", front.url), over)
    assert registry.manifests[digest] == kept


async def test_a_manifest_that_is_gone_gets_no_tag_and_an_outcome_has_no_room(
    registry: TagRegistry, access: Access
) -> None:
    assert isinstance(await refused(access, Point(registry.repository, "champion", "c", "0" * 64)), RefusedError)
    failure = await refused(access, Tag(registry.repository, hexes(registry)[0], RECORD, "f", AT))
    assert isinstance(failure, RefusedError)
    assert registry.written == []


@pytest.mark.parametrize("status", [429, 503])
async def test_a_bad_moment_is_waited_for(registry: TagRegistry, status: int) -> None:
    first, _ = hexes(registry)
    with proxy(registry.url) as front:
        registry.tags["challenger"] = f"sha256:{first}"
        for deed, method in (
            (Point(registry.repository, "champion", "champion", first), "PUT"),
            (Release(registry.repository, "challenger", "challenger", first), "DELETE"),
        ):
            front.inject(refusing(status, Retry_After="7"), f"manifests/{deed.alias}")
            failure = await refused(Access("oci", front.url), deed)
            assert (isinstance(failure, RefusedError), failure.wait) == (False, 7.0), method


@pytest.mark.cluster
async def test_debians_registry_has_the_tag_and_keeps_the_digest(oci: OciBench, model: str) -> None:
    access, digests = by_password(PUSHER, oci.url), []
    for number in "12":
        found = await named(access, source(f"{model}:{number}.0.0"))
        assert found.model == model
        await tell(access, Point(model, "champion", "champion", found.version))
        digests.append(f"sha256:{found.version}")
        assert oci.digest(f"{model}:champion") == oci.digest(f"{model}:{number}.0.0") == digests[-1]
    assert (await resolve(by_password(READER, oci.url), source(f"{model}:champion"))).uri.endswith(digests[1])


@pytest.mark.cluster
async def test_who_may_read_and_not_write_is_told_so_and_it_is_about_this_repository_alone(
    oci: OciBench, model: str
) -> None:
    version = oci.digest(f"{model}:1.0.0").removeprefix("sha256:")
    point = Point(model, "champion", "champion", version)
    failure = await refused(by_password(READER, oci.url), point, *CANARIES)
    assert isinstance(failure, RefusedError)
    assert "permission to push to the repository" in str(failure)
    assert not isinstance(await refused(by_password(STRANGER, oci.url), point, *CANARIES), RefusedError)


@pytest.mark.cluster
async def test_who_may_push_and_not_delete_is_told_so(oci: OciBench, model: str) -> None:
    version = oci.digest(f"{model}:1.0.0").removeprefix("sha256:")
    access, over = by_password(PUSHER, oci.url), Release(model, "challenger", "1.0.0", version)
    failure = await refused(access, over, *CANARIES)
    assert isinstance(failure, RefusedError)
    assert "permission to delete from the repository" in str(failure)


@pytest.mark.parametrize("status", [403, 404])
async def test_a_repository_that_is_for_others_holds_up_no_other(registry: TagRegistry, status: int) -> None:
    """What may be pulled differs from one repository to the next."""
    with proxy(registry.url) as front:
        front.inject(refusing(status))
        failure = await refused(
            Access("oci", front.url), Point(registry.repository, "champion", "champion", hexes(registry)[0])
        )
    assert isinstance(failure, RefusedError)


async def test_where_no_tag_is_taken_away_it_is_said_who_can(registry: TagRegistry) -> None:
    with proxy(registry.url) as front:
        first, _ = hexes(registry)
        taken = refusing(405)
        front.inject(lambda answer: taken(answer) if answer.status == 202 else answer)
        registry.tags["challenger"] = f"sha256:{first}"
        failure = await refused(
            Access("oci", front.url), Release(registry.repository, "challenger", "challenger", first)
        )
    assert isinstance(failure, RefusedError)
    assert "takes no tags away (405)" in str(failure)


@pytest.mark.slow
async def test_oras_reads_what_was_told_and_its_own_manifests_are_pointed_to(
    registry: TagRegistry, access: Access, tmp_path: Path
) -> None:
    digest = registry.tags["2.0.0"]
    await tell(access, Point(registry.repository, "champion", "champion", digest.removeprefix("sha256:")))
    asked = [":champion", f"@{digest}", ":theirs"]
    theirs = by_oras(tmp_path, registry.url, registry.repository, references=asked, puts="theirs")
    ours = [registry.tags["champion"], digest, registry.tags["theirs"]]
    assert list(theirs.values()) == [json.loads(registry.manifests[one][1]) for one in ours]
    await tell(access, Point(registry.repository, "champion", "champion", ours[2].removeprefix("sha256:")))
    assert registry.tags["champion"] == ours[2]
