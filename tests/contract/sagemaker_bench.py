"""Groups of model packages in moto, whose bytes are in its S3."""

import gzip
import json
import uuid
from typing import Any

from crossfade.api.v1alpha1.modelversion import RegistryRef, SageMakerSource, Source
from crossfade.model.access import Access, Secrets

from tests.contract.registry_contract import Subject
from tests.contract.store_bench import S3Bench
from tests.support.faults import Answer
from tests.support.folders import tar

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/serve:1"
Json = dict[str, Any]


_AMAZONS = {b"SignatureDoesNotMatch": "InvalidSignatureException", b"AccessDenied": "AccessDeniedException"}


def as_amazon(answer: Answer) -> Answer:
    """moto refuses in XML, which not even boto3 reads here; Amazon does so in JSON, and with 400."""
    if answer.status != 403:
        return answer
    code = next(code for said, code in _AMAZONS.items() if said in answer.content)
    return Answer(400, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps({"__type": code}).encode())


def packed(**files: bytes) -> bytes:
    """A model.tar.gz."""
    return gzip.compress(tar(files))


class Group:
    """A group of packages in the bench's registry."""

    def __init__(self, bench: S3Bench) -> None:
        self.bench = bench
        self.name = f"Fraud-{uuid.uuid4().hex[:8]}"
        bench.do("sagemaker", "create_model_package_group", ModelPackageGroupName=self.name)

    def key(self, number: int) -> str:
        """Where the bytes of a version are."""
        return f"{self.name}/{number}/output/model.tar.gz"

    def put(self, number: int) -> str:
        """Upload a model; returns its address."""
        self.bench.put(
            self.key(number), packed(**{"model.json": b'{"version": %d}' % number, "code/serve.py": b"pass"})
        )
        return f"s3://models/{self.key(number)}"

    def register(self, approval: str = "Approved", container: Json | None = None, **more: Any) -> str:
        """One more version, returns its ARN."""
        container = container or {"ModelDataUrl": self.put(1)}
        return str(
            self.bench.do(
                "sagemaker",
                "create_model_package",
                ModelPackageGroupName=self.name,
                ModelApprovalStatus=approval,
                InferenceSpecification={
                    "Containers": [{"Image": IMAGE, **container}],
                    "SupportedContentTypes": ["application/json", "text/csv"],
                    "SupportedResponseMIMETypes": ["application/json"],
                },
                **more,
            )["ModelPackageArn"]
        )

    def version(self, number: int) -> str:
        """One with bytes of its own."""
        return self.register(container={"ModelDataUrl": self.put(number)})


def way_in(bench: S3Bench, address: str, who: str = "reader") -> Access:
    names = ("accessKeyId", "secretAccessKey")
    options = (("region", "us-east-1"), ("s3", address))
    return Access("sageMaker", address, options, Secrets(dict(zip(names, bench.keys[who], strict=True))))


def by_arn(arn: str) -> Source:
    return Source(sage_maker=SageMakerSource(package_arn=arn), registry_ref=RegistryRef(name="sagemaker"))


def by_group(group: str, approval: Any = "Approved") -> Source:
    asked = SageMakerSource(group=group, approval_status=approval)
    return Source(sage_maker=asked, registry_ref=RegistryRef(name="sagemaker"))


def a_subject(bench: S3Bench) -> Subject:
    """A group whose newest approved version is its first."""
    group, empty = Group(bench), Group(bench)
    first = group.version(1)
    group.register("PendingManualApproval")
    group.register("Rejected")
    bench.put(f"{group.name}/größe/模型+&=%41/poids é.bin", b"weights")
    folder = {
        "S3Uri": f"s3://models/{group.name}/größe/模型+&=%41",
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
    }
    spelled = empty.register("PendingManualApproval", {"ModelDataSource": {"S3DataSource": folder}})
    return Subject(
        upstream=bench.url,
        access=lambda address: way_in(bench, address),
        stranger=lambda address: way_in(bench, address, "stranger"),
        outsider=lambda address: way_in(bench, address, "outsider"),
        exact=by_arn(first),
        mutable=by_group(group.name),
        missing=(by_arn(first.replace("/1", "/99")), by_group(empty.name), by_group("none")),
        unicode=by_arn(spelled),
        move=lambda: str(group.version(2)),
        overwrite=lambda _: bench.put(group.key(1), packed(**{"model.json": b'{"version": 9}'})),
        permission="`sagemaker:DescribeModelPackage`",
        canaries=bench.canaries,
        asks="/",
        reads="/output/model.tar.gz",
    )
