"""What every registry must hold, in front of its real server or its stand-in.

A suite brings Subjects and derives a class from RegistryContract, or from SourceContract where nothing has a version,
with the fixtures `subject`, which its tests share, and `fresh`, which is one test's own to be changed.
"""

import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from crossfade.adapters import transfer
from crossfade.adapters.sources import OpenSources
from crossfade.api.v1alpha1.modelsource import FOLLOWED, ModelSourceSpec
from crossfade.api.v1alpha1.modelversion import Source
from crossfade.model.access import Access
from crossfade.observe.staging import STAGING
from crossfade.observe.verify import DigestMismatch, fetch, measure
from crossfade.ports import Asked, Opened, Reference, SourceError, catalogue

from tests.support.faults import (
    Fault,
    Proxy,
    compressing,
    dripping,
    flipping,
    proxy,
    refusing,
    swelling,
    truncating,
)
from tests.support.networks import HERE


@dataclass(frozen=True)
class Subject:
    """A registry with a model of two versions, and what its users may do to it.

    `access` makes the way in by an address in front of `upstream`. `exact` and `mutable` mean the same version, until
    `move` lets `mutable` mean another one. `overwrite` changes bytes at this address in place, where the registry lets
    somebody. `stranger` is known to nobody, `outsider` may not read `exact`. `canaries` are the secrets. `asks` is
    in the path of each question, and `reads` in that of every file. `nobody` comes without credentials, where those
    would lead to a server on this machine."""

    upstream: str
    access: Callable[[str], Access]
    stranger: Callable[[str], Access]
    outsider: Callable[[str], Access]
    exact: Source
    mutable: Source
    missing: tuple[Source, ...]
    unicode: Source
    move: Callable[[], None]
    overwrite: Callable[[str], None]
    permission: str
    canaries: tuple[str, ...]
    asks: str
    reads: str
    nobody: Callable[[str], Access] | None = None


@asynccontextmanager
async def opened(access: Access, timeout: float = 60.0) -> AsyncIterator[Opened]:
    """The registry as the operator has it."""
    sources = OpenSources((), None, allowed=HERE, timeout=timeout)
    try:
        async with sources.open(access) as found:
            yield found
    finally:
        await sources.close()


async def resolve(access: Access, source: Source, timeout: float = 60.0) -> Reference:
    """Ask once."""
    async with opened(access, timeout) as found:
        return await found.registry.resolve(source)


async def listed(access: Access, **followed: Any) -> dict[str, Source]:
    """The versions of what is followed, by what may be their semantic version."""
    spec = ModelSourceSpec.model_validate({**followed, "template": {"modelName": "m"}})
    async with opened(access) as found:
        versions = await catalogue(found.registry, spec.system).versions(spec)
        exact = {name: versions.source(name) for name in versions.names}
        for one in exact.values():
            await found.registry.resolve(one)
    assert len(exact) == len(versions.names)
    return exact


async def digest(access: Access, reference: Reference) -> str:
    """Of the bytes as they are now."""
    async with opened(access) as found:
        return (await measure(found.artifacts, reference.immutable_uri)).digest


class SourceContract:
    """The cases. Every failure ends as a SourceError that may be tried again, whose sentence shows no secret."""

    absent = "register it there"
    """What people are told to do about what is not there."""
    keeps_host = False
    """Whether the registry must be told the name that was asked for, as it is signed."""

    @pytest.fixture
    def front(self, subject: Subject) -> Iterator[Proxy]:
        """The proxy in front of the registry."""
        with proxy(subject.upstream, keeps_host=self.keeps_host) as made:
            yield made

    @pytest.fixture
    def files(self, front: Proxy) -> Proxy:
        """The proxy in front of where its files are."""
        return front

    @pytest.fixture(autouse=True)
    def nothing_secret(
        self, subject: Subject, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> Iterator[None]:
        """Whatever a test does, no secret is logged or printed."""
        caplog.set_level("DEBUG", "crossfade")
        yield
        said = caplog.text + "".join(capfd.readouterr())
        assert [secret for secret in subject.canaries if secret in said] == []

    async def refused(self, subject: Subject, access: Access, source: Source, timeout: float = 60.0) -> SourceError:
        """The failure that asking ends in, with no secret in it or in what led to it."""
        with pytest.raises(SourceError) as failure:
            await resolve(access, source, timeout)
        told = "".join(traceback.format_exception(failure.value)) + repr(failure.value) + repr(access)
        assert [secret for secret in subject.canaries if secret in told] == []
        assert failure.value.retry, str(failure.value)
        return failure.value

    async def test_what_is_not_there_is_named_and_may_come(self, subject: Subject, front: Proxy) -> None:
        for source in subject.missing:
            assert self.absent in str(await self.refused(subject, subject.access(front.url), source))

    async def test_names_may_be_of_any_letters(self, subject: Subject, front: Proxy) -> None:
        access = subject.access(front.url)
        assert (await digest(access, await resolve(access, subject.unicode))).startswith("sha256:")

    async def test_credentials_that_are_not_or_no_longer_known_are_said_to_be(
        self, subject: Subject, front: Proxy
    ) -> None:
        failure = await self.refused(subject, subject.stranger(front.url), subject.exact)
        assert "does not accept who asks" in str(failure)
        assert "renew" in str(failure)

    async def test_a_permission_that_is_missing_is_named(self, subject: Subject, front: Proxy) -> None:
        failure = await self.refused(subject, subject.outsider(front.url), subject.exact)
        assert subject.permission in str(failure)

    async def test_whether_it_is_there_and_knows_who_asks_is_told(self, subject: Subject, front: Proxy) -> None:
        async with opened(subject.access(front.url)) as found:
            if not isinstance(found.registry, Asked):
                pytest.skip("it has no question that needs no further right")
            await found.registry.check()
        async with opened(subject.stranger(front.url)) as found:
            assert isinstance(found.registry, Asked)
            with pytest.raises(SourceError, match="does not accept who asks") as failure:
                await found.registry.check()
        assert [secret for secret in subject.canaries if secret in repr(failure.value)] == []

    @pytest.mark.parametrize("status", [429, 503])
    async def test_a_registry_that_asks_for_time_gets_it(self, subject: Subject, front: Proxy, status: int) -> None:
        front.inject(refusing(status, Retry_After="7"), subject.asks)
        assert (await self.refused(subject, subject.access(front.url), subject.exact)).wait == 7.0
        front.inject(refusing(status, Retry_After="86400"), subject.asks)
        assert (await self.refused(subject, subject.access(front.url), subject.exact)).wait == 300.0

    async def test_a_storm_of_errors_passes(self, subject: Subject, front: Proxy) -> None:
        access = subject.access(front.url)
        front.inject(refusing(502), times=2)
        for _ in range(2):
            await self.refused(subject, access, subject.exact)
        assert (await resolve(access, subject.exact)).immutable_uri

    async def test_a_redirect_elsewhere_is_not_followed_and_gets_no_credentials(
        self, subject: Subject, front: Proxy
    ) -> None:
        with proxy(subject.upstream) as other:
            for target in (other.url, other.url.replace("127.0.0.1", "localhost"), "http://169.254.169.254"):
                front.inject(refusing(302, Location=f"{target}/x"))
                failure = await self.refused(subject, subject.access(front.url), subject.exact)
                assert "which is not followed" in str(failure)
            assert other.seen == []

    async def test_a_redirect_within_the_server_is_followed(self, subject: Subject, front: Proxy) -> None:
        access = subject.access(front.url)
        front.inject(lambda answer: refusing(307, Location=front.seen[-1][0])(answer), subject.asks, times=1)
        assert (await resolve(access, subject.exact)).immutable_uri

    async def test_half_an_answer_is_none(self, subject: Subject, front: Proxy) -> None:
        front.inject(truncating, subject.asks)
        await self.refused(subject, subject.access(front.url), subject.exact)

    @pytest.mark.parametrize("fault", [swelling, compressing])
    async def test_an_answer_that_could_fill_the_memory_is_refused(
        self, subject: Subject, front: Proxy, fault: Fault
    ) -> None:
        front.inject(fault, subject.asks)
        await self.refused(subject, subject.access(front.url), subject.exact)

    async def test_a_connection_that_breaks_in_the_middle_of_a_file_is_followed_by_another(
        self, subject: Subject, front: Proxy, files: Proxy, tmp_path: Path
    ) -> None:
        access = subject.access(front.url)
        reference = await resolve(access, subject.exact)
        promised = await digest(access, reference)
        front.inject(truncating, subject.reads, times=1)
        async with opened(access) as found:
            assert (await fetch(found.artifacts, reference.immutable_uri, promised, tmp_path)).digest == promised
        assert files.times == 0

    async def test_half_a_file_is_none(self, subject: Subject, front: Proxy, tmp_path: Path) -> None:
        access = subject.access(front.url)
        reference = await resolve(access, subject.exact)
        promised = await digest(access, reference)
        front.inject(truncating, subject.reads)
        async with opened(access) as found:
            with pytest.raises(SourceError) as failure:
                await fetch(found.artifacts, reference.immutable_uri, promised, tmp_path / "m")
        assert failure.value.retry
        assert [entry.name for entry in (tmp_path / "m").iterdir()] == [STAGING]

    async def test_an_answer_that_drips_holds_nobody_up(self, subject: Subject, front: Proxy) -> None:
        front.inject(dripping, subject.asks)
        failure = await self.refused(subject, subject.access(front.url), subject.exact, timeout=0.5)
        assert "did not answer in time" in str(failure)

    async def test_a_file_that_drips_holds_nobody_up(
        self, subject: Subject, front: Proxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        access = subject.access(front.url)
        reference = await resolve(access, subject.exact)
        monkeypatch.setattr(transfer, "_CHUNK_SECONDS", 0.5)
        front.inject(dripping, subject.reads)
        with pytest.raises(SourceError, match="did not answer in time"):
            await digest(access, reference)

    async def test_a_bit_that_flips_on_the_way_is_refused(self, subject: Subject, front: Proxy, tmp_path: Path) -> None:
        access = subject.access(front.url)
        reference = await resolve(access, subject.exact)
        promised = await digest(access, reference)
        front.inject(flipping, subject.reads)
        async with opened(access) as found:
            with pytest.raises(DigestMismatch):
                await fetch(found.artifacts, reference.immutable_uri, promised, tmp_path / "m")
        assert list((tmp_path / "m").iterdir()) == []

    async def test_bytes_that_are_changed_afterwards_are_refused(
        self, fresh: Subject, front: Proxy, tmp_path: Path
    ) -> None:
        access = fresh.access(front.url)
        reference = await resolve(access, fresh.exact)
        promised = await digest(access, reference)
        fresh.overwrite(reference.immutable_uri)
        async with opened(access) as found:
            with pytest.raises(DigestMismatch):
                await fetch(found.artifacts, reference.immutable_uri, promised, tmp_path / "m")

    async def test_an_address_on_this_machine_is_refused(self, subject: Subject, front: Proxy) -> None:
        sources = OpenSources((), None)
        with pytest.raises(SourceError, match="must not come from") as failure:
            async with sources.open((subject.nobody or subject.access)(front.url)) as found:
                await found.registry.resolve(subject.exact)
        await sources.close()
        assert failure.value.retry, "the ModelRegistry can be edited"
        assert front.seen == []


class RegistryContract(SourceContract):
    """The cases of what has versions, and names that mean one of them for a while."""

    async def test_a_version_is_resolved_to_bytes_that_have_a_digest(self, subject: Subject, front: Proxy) -> None:
        access = subject.access(front.url)
        reference = await resolve(access, subject.exact)
        assert reference.registry_version
        assert (await digest(access, reference)).startswith("sha256:")
        assert [secret for secret in subject.canaries if secret in repr(reference)] == []

    async def test_a_mutable_reference_is_what_it_means_now_and_what_it_meant_stays(
        self, fresh: Subject, front: Proxy
    ) -> None:
        access = fresh.access(front.url)
        before = await resolve(access, fresh.mutable)
        assert before == await resolve(access, fresh.exact)
        bytes_before = await digest(access, before)
        fresh.move()
        after = await resolve(access, fresh.mutable)
        if fresh.mutable.system in FOLLOWED:
            assert before.pinned is not None
            pinned = await resolve(access, before.pinned)
            assert replace(pinned, facts=before.facts) == before, "what a ModelSource pins is what was meant"
        assert after.immutable_uri != before.immutable_uri
        assert await digest(access, before) == bytes_before != await digest(access, after)
