"""SageMaker told of rollouts: approvals, each read first and written only where it is another."""

from crossfade.adapters.sagemaker_server import SageMakerError, SageMakerServer
from crossfade.model.writing import Approve, Deed
from crossfade.ports import RefusedError, SourceError

_GONE = ("ValidationException", "ResourceNotFound")
_CONFLICT = "ConflictException"


class SageMakerWriting:
    """What writes to SageMaker's model registry of one region."""

    def __init__(self, server: SageMakerServer) -> None:
        self._server = server

    async def record(self, deed: Deed) -> None:
        """See ports.WriteBack."""
        if not isinstance(deed, Approve):
            raise RefusedError("SageMaker has neither aliases nor such tags; use `writeBack.approval` alone")
        operation = "DescribeModelPackage"
        try:
            found = await self._server.call(operation, {"ModelPackageName": deed.uri})
            wanted = {
                "ModelApprovalStatus": "Approved" if deed.approved else "Rejected",
                "ApprovalDescription": deed.why,
            }
            if any(found.get(name) != text for name, text in wanted.items()):
                operation = "UpdateModelPackage"
                await self._server.call(operation, {"ModelPackageArn": deed.uri, **wanted})
        except SageMakerError as failure:
            if operation == "DescribeModelPackage" and failure.code in _GONE:
                return
            raise self._explained(operation, deed, failure) from None

    def _explained(self, operation: str, deed: Approve, failure: SageMakerError) -> SourceError:
        what, said = f"SageMaker at {self._server.shown}", f"{failure.status} {failure.code}".rstrip()
        if failure.unknown:
            return SourceError(
                f"{what} does not accept who writes to it ({said}); give `credentials` that it knows, or renew those "
                "that have expired"
            )
        if failure.forbidden:
            return RefusedError(
                f"{what} does not let the operator write to the model package {deed.uri} ({said}); allow its user "
                f"`sagemaker:{operation}` on it, or leave `writeBack` out"
            )
        if failure.code == _CONFLICT:
            return RefusedError(f"{failure}: somebody else changes the model package {deed.uri} at the same time")
        if failure.code in _GONE:
            return RefusedError(f"{failure}; check the model package {deed.uri}")
        return failure
