"""SageMaker's model registry: a package's version, or the newest of a group that is approved, to its bytes in S3."""

from typing import TYPE_CHECKING, Any, Final

from crossfade.adapters.json_object import json_object
from crossfade.adapters.model_data import data_of
from crossfade.adapters.paging import Page, all_listed
from crossfade.adapters.registries.sagemaker_facts import facts, metrics_place
from crossfade.adapters.registries.sagemaker_writing import SageMakerWriting
from crossfade.adapters.sagemaker_server import SageMakerError, SageMakerServer
from crossfade.api.v1alpha1.spelling import is_version
from crossfade.model.loose import member, objects, text
from crossfade.ports import Listed, Reference, SourceError

if TYPE_CHECKING:
    from crossfade.api.v1alpha1.modelsource import ModelSourceSpec
    from crossfade.api.v1alpha1.modelversion import SageMakerSource, Source
    from crossfade.model.writing import Deed

Json = dict[str, Any]
_MOST_PAGES: Final = 100
_PAGE: Final = 100
_VERSION: Final = "version"
_MEND: Final = "register it there, or correct `source.sageMaker`"


class SageMakerRegistry:
    """The Registry port for the SageMaker of one region."""

    def __init__(self, server: SageMakerServer) -> None:
        self._server = server
        self._writing = SageMakerWriting(server)
        self._what = f"SageMaker at {server.shown}"

    async def check(self) -> None:
        """See ports.Asked: whoever may not be told is known all the same."""
        try:
            await self._server.call("ListModelPackageGroups", {"MaxResults": 1})
        except SageMakerError as failure:
            if not failure.forbidden:
                raise self._explained("ListModelPackageGroups", "model package groups", failure) from None

    async def record(self, deed: "Deed") -> None:
        """See ports.WriteBack."""
        await self._writing.record(deed)

    async def resolve(self, source: "Source") -> Reference:
        """Follow a group's approval once, and describe the package. Raises SourceError; what is missing may still
        appear, so that is retried."""
        asked = source.sage_maker
        if asked is None:
            raise SourceError("the source is in no SageMaker; name a package in `source.sageMaker`", retry=False)
        arn = asked.package_arn or await self._newest(asked)
        self._in_region(arn)
        package = await self._described(arn)
        data = data_of(package, f"the model package {arn}")
        exact = asked.model_copy(update={"package_arn": arn, "group": None, "approval_status": None})
        pinned = source.model_copy(update={"sage_maker": exact})
        version = arn.rpartition("/")[2]
        return Reference(arn, str(data), version, facts(package, await self._metrics(package)), pinned)

    async def versions(self, spec: "ModelSourceSpec") -> Listed:
        """All versions of the group with this approval, by the `version` of their CustomerMetadataProperties; of equal
        ones the latest. By SageMaker's search, as its lists leave those properties out. Raises SourceError."""
        from crossfade.api.v1alpha1.modelversion import SageMakerSource, Source

        followed = spec.sage_maker
        group, approval = (followed.group, followed.approval_status) if followed else ("", "Approved")
        which = _search(group, approval)

        async def page(token: str | None) -> Page:
            after = {} if token is None else {"NextToken": token}
            told = await self._asked("Search", which | after, f"group {group}")
            return objects(told.get("Results")), text(told.get("NextToken"))

        found: dict[str, tuple[int, str]] = {}
        async for one in all_listed(page, _PAGE, f"the group {group!r}"):
            package = member(one, "ModelPackage")
            said = text(member(package, "CustomerMetadataProperties").get(_VERSION))
            arn, number = text(package.get("ModelPackageArn")), package.get("ModelPackageVersion")
            if said is None or arn is None or type(number) is not int or not is_version(said):
                continue
            if package.get("ModelApprovalStatus") == approval:
                found[said] = max((number, arn), found.get(said, (0, "")))

        def source(said: str) -> Source:
            exact = SageMakerSource.model_construct(package_arn=found[said][1])
            return Source(sage_maker=exact, registry_ref=spec.registry_ref)

        return Listed(tuple(found), source)

    async def _newest(self, asked: "SageMakerSource") -> str:
        """The newest version of the group with this approval, which SageMaker lists first."""
        told: Json = {
            "ModelPackageGroupName": asked.group,
            "ModelApprovalStatus": asked.approval_status,
            "SortBy": "CreationTime",
            "SortOrder": "Descending",
        }
        for _ in range(_MOST_PAGES):
            page = await self._asked("ListModelPackages", told, f"group {asked.group}")
            for package in objects(page.get("ModelPackageSummaryList")):
                arn = text(package.get("ModelPackageArn"))
                if arn is not None and package.get("ModelApprovalStatus") == asked.approval_status:
                    return arn
            token = text(page.get("NextToken"))
            if token is None:
                break
            told["NextToken"] = token
        raise SourceError(
            f"{self._what} has no version of the group {asked.group} that is {asked.approval_status}; approve one, "
            f"{_MEND}"
        )

    async def _described(self, arn: str) -> Json:
        package = await self._asked("DescribeModelPackage", {"ModelPackageName": arn}, f"model package {arn}")
        if package.get("ModelPackageArn") != arn:
            raise SourceError(f"{self._what} answered with another model package than {arn}; check its address")
        if package.get("ModelPackageStatus") != "Completed":
            raise SourceError(
                f"the model package {arn} is {str(package.get('ModelPackageStatus'))[:64]} and not yet Completed; wait "
                "for SageMaker, or name another one"
            )
        return package

    async def _asked(self, operation: str, told: Json, thing: str) -> Json:
        try:
            return await self._server.call(operation, told)
        except SageMakerError as failure:
            raise self._explained(operation, thing, failure) from None

    async def _metrics(self, package: Json) -> Json:
        """The content of the file with the model's quality, empty where there is none."""
        where = metrics_place(package)
        content = await self._server.small(where.bucket, where.key) if where is not None else None
        return json_object(content) or {} if content is not None else {}

    def _in_region(self, arn: str) -> None:
        region = (arn + ":::").split(":")[3]
        if region != self._server.region:
            raise SourceError(
                f"the model package {arn} is in the region {region}, but the ModelRegistry is for "
                f"{self._server.region}; name another ModelRegistry in `source.registryRef`, or correct its "
                "`sageMaker.region`"
            )

    def _explained(self, operation: str, thing: str, failure: SageMakerError) -> SourceError:
        said = f"{failure.status} {failure.code}".rstrip()
        if failure.unknown:
            return SourceError(
                f"{self._what} does not accept who asks for the {thing} ({said}); give `credentials` that it knows, or "
                "renew those that have expired"
            )
        if failure.forbidden:
            return SourceError(
                f"{self._what} does not let the operator read the {thing} ({said}); allow its user "
                f"`sagemaker:{operation}` on it"
            )
        if failure.code in ("ValidationException", "ResourceNotFound"):
            return SourceError(f"{self._what} has no {thing} ({said}); {_MEND}")
        return failure


def _search(group: str, approval: str) -> Json:
    """What asks for all packages of a group that have this approval."""
    wanted = {"ModelPackageGroupName": group, "ModelApprovalStatus": approval}
    filters = [{"Name": name, "Operator": "Equals", "Value": value} for name, value in wanted.items()]
    return {"Resource": "ModelPackage", "SearchExpression": {"Filters": filters}, "MaxResults": _PAGE}
