"""Valid specs of all kinds, which use what there is."""

from typing import Any

Spec = dict[str, Any]

DIGEST = "sha256:" + "0123456789abcdef" * 4
AZURE = {"subscription": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "resourceGroup": "rg-risk"}
PACKAGE = "arn:aws:sagemaker:eu-central-1:123456789012:model-package/fraud/7"
VALID: dict[str, list[Spec]] = {
    "Rollout": [
        {
            "modelVersion": "fraud-1-3-0",
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "public"}]}},
            "strategy": {"stages": [{"name": "five", "weight": 5}]},
            "analysis": {
                "metrics": [{"name": "e", "template": "mlserver/errors", "objective": {"absolute": {"max": "0.02"}}}]
            },
        },
        {
            "modelVersion": "fraud-1-3-0",
            "suspend": True,
            "readyWhen": "Accepted",
            "deletionPolicy": "Delete",
            "serving": {
                "runtime": "custom",
                "implementation": "mlserver_xgboost.XGBoostModel",
                "replicas": 3,
                "resources": {"requests": {"cpu": "500m", "nvidia.com/gpu": "1"}, "limits": {"memory": "1.5Gi"}},
                "startup": {"timeout": "1h30m", "prefetch": "90m", "load": "20s", "warmUp": "2m"},
                "warmup": {
                    "requests": 5,
                    "body": {"configMapKeyRef": {"name": "fraud-warmup", "key": "body.json"}},
                    "path": "/v1/chat?x=1",
                    "contentType": "application/json; charset=utf-8",
                    "timeout": "10s",
                },
                "template": {
                    "metadata": {"labels": {"team": "risk"}},
                    "spec": {
                        "containers": [
                            {"name": "model", "image": "m:1", "ports": [{"name": "http", "containerPort": 8080}]},
                            {"name": "side", "ports": [{"containerPort": 9000}]},
                        ],
                        "initContainers": [{"name": "early"}, {"name": "late", "restartPolicy": "Always"}],
                        "nodeSelector": {},
                    },
                },
            },
            "traffic": {
                "gatewayAPI": {
                    "parentRefs": [
                        {"name": "public", "namespace": "gateways", "sectionName": "web", "port": 443},
                        {"name": "public", "namespace": "gateways", "sectionName": "plain"},
                        {"name": "public"},
                    ],
                    "hostnames": ["fraud.example.com", "*.fraud.example.com"],
                    "rules": [{"matches": [{"path": {"type": "Exact", "value": "/v2"}}, {"path": {}}]}, {}],
                }
            },
            "strategy": {
                "stages": [
                    {"name": "five", "weight": 5, "minDuration": "90s", "maxDuration": "90s"},
                    {"name": "quarter", "weight": 25, "maxDuration": "2m", "onInconclusive": "Rollback"},
                    {"name": "half", "weight": 50, "minDuration": "2h30m", "onInconclusive": "Hold"},
                ]
            },
            "analysis": {
                "metrics": [
                    {
                        "name": "errors",
                        "ratio": {"bad": 'http_total{code=~"5.."}', "total": "http_total"},
                        "objective": {"absolute": {"max": "0.005"}},
                    },
                    {"name": "b", "template": "own.errors", "objective": {"relative": {"rollbackAbove": 0}}},
                ]
            },
        },
        {
            "modelVersion": "fraud-1-3-0",
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "public"}]}},
            "strategy": {"stages": [{"name": "five", "weight": 5}]},
            "analysis": {
                "falseRollback": "0.001",
                "falsePromotion": "0.1",
                "prometheus": "main",
                "trafficCheck": {"tolerance": 30, "grace": "2m"},
                "warmup": "30s",
                "metrics": [
                    {
                        "name": "errors",
                        "ratio": {"bad": "b", "total": "t"},
                        "objective": {
                            "relative": {"rollbackAbove": 10, "promoteWithin": 20},
                            "absolute": {"floor": "0.001", "max": "0.02"},
                        },
                    },
                    {
                        "name": "p99",
                        "latency": {"buckets": "h_bucket"},
                        "objective": {
                            "relative": {"slowerBy": 10},
                            "absolute": {"quantile": "0.99", "max": "500ms"},
                        },
                        "role": "Guardrail",
                    },
                    {
                        "name": "memory",
                        "gauge": {"series": "g"},
                        "objective": {"rule": {"max": "5", "min": "-1.5", "violations": 2, "windows": 2}},
                        "role": "Observe",
                    },
                    {"name": "t", "template": "own", "objective": {"rule": {"max": "1"}}, "role": "Required"},
                ],
            },
        },
        {
            "modelVersion": "fraud-1-3-0",
            "serving": {
                "warmup": {"body": {"inline": '{"a": 1}'}},
                "template": {"spec": {"containers": [{"name": "model", "ports": [{"name": "http"}]}]}},
                "autoscaling": {
                    "min": 2,
                    "max": 10,
                    "metrics": [
                        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}},
                        {"type": "Pods", "pods": {"target": {"averageValue": "100m"}}},
                    ],
                },
            },
            "traffic": {"gatewayAPI": {"parentRefs": [{"name": "public"}]}},
            "strategy": {
                "weightScale": 1000,
                "stages": [
                    {"name": "copy", "shadow": 100, "maxDuration": "15m", "onInconclusive": "Advance"},
                    {
                        "name": "team",
                        "match": {
                            "headers": [{"name": "x-team", "value": "risk & co"}, {"name": "x-region", "value": "eu"}]
                        },
                        "gate": "Manual",
                    },
                    {"name": "few", "weight": 5, "gate": "Manual", "maxDuration": "2h", "onInconclusive": "Rollback"},
                    {"name": "sign-off", "gate": "Manual"},
                    {"name": "most", "weight": 979},
                ],
                "bake": {"duration": "30m", "holdback": 20},
                "onRollback": {"keepCandidate": "10m"},
                "rollbackWindow": {"revisions": 2},
                "keepPrevious": "30m",
                "minPods": 2,
                "stableCapacity": "MatchTraffic",
            },
            "analysis": {
                "metrics": [{"name": "e", "template": "mlserver/errors", "objective": {"absolute": {"max": "0.02"}}}]
            },
        },
        {
            "modelVersion": "fraud-1-3-0",
            "traffic": {"gatewayAPI": {"mode": "Adopted", "adopted": {"name": "shop", "rule": "model.v1"}}},
            "strategy": {"stages": [{"name": "five", "weight": 5}, {"name": "sign-off", "gate": "Manual"}]},
            "analysis": {
                "metrics": [{"name": "e", "template": "mlserver/errors", "objective": {"absolute": {"max": "0.02"}}}]
            },
        },
        {
            "modelVersion": "fraud-1-3-0",
            "serving": {"replicas": 10},
            "traffic": {"replicas": {}},
            "strategy": {
                "stages": [{"name": "five", "weight": 5}],
                "bake": {"duration": "9m", "holdback": 10},
                "rollbackWindow": {"revisions": 1},
            },
            "analysis": {
                "metrics": [{"name": "e", "template": "mlserver/errors", "objective": {"absolute": {"max": "0.02"}}}]
            },
        },
        {
            "modelVersion": "fraud-1-3-0",
            "traffic": {
                "gatewayAPI": {
                    "kind": "GRPCRoute",
                    "parentRefs": [{"name": "public"}],
                    "rules": [
                        {
                            "matches": [
                                {"method": {"service": "inference.GRPCInferenceService", "method": "ModelInfer"}}
                            ]
                        },
                        {"matches": [{"method": {"method": "ModelReady"}}, {}]},
                        {},
                    ],
                }
            },
            "strategy": {"stages": [{"name": "five", "weight": 5}]},
            "analysis": {
                "metrics": [{"name": "e", "template": "mlserver/errors", "objective": {"absolute": {"max": "0.02"}}}]
            },
        },
    ],
    "MetricTemplate": [
        {"ratio": {"bad": "b", "total": "t"}},
        {"latency": {"buckets": "h_bucket", "unit": "Milliseconds"}},
        {"gauge": {"series": "g"}},
        {
            "latency": {"buckets": "h_bucket"},
            "arm": {"label": "service", "contains": "-svc-{namespace}-{revision}-"},
        },
    ],
    "ModelSource": [
        {"mlflow": {"name": "fraud", "alias": "champion"}, "template": {"modelName": "fraud"}},
        {"mlflow": {"name": "fraud", "semver": ">=1.2.x <2 || ^3.0.0-rc.1"}, "template": {"modelName": "fraud"}},
        {
            "registryRef": {"name": "git"},
            "git": {"artifact": "fraud", "semver": "~1.2"},
            "template": {"modelName": "fraud"},
        },
        {
            "registryRef": {"name": "mlflow"},
            "mlflow": {"name": "fraud detector", "stage": "Production"},
            "interval": "90s",
            "template": {
                "modelName": "fraud",
                "policy": {"pickle": "Forbid", "semver": "Warn", "naming": "Any"},
                "labels": {"team": "risk", "example.com/tier": "", "a": "B_c.d-1"},
            },
            "moves": {"rollout": "fraud"},
            "suspend": True,
        },
        {
            "huggingFace": {"repo": "org/model", "revision": "main", "allowPatterns": ["*.safetensors"]},
            "interval": "24h",
            "template": {"modelName": "m"},
        },
        {
            "registryRef": {"name": "ghcr"},
            "oci": {"repository": "risk/fraud", "tag": "stable"},
            "interval": "10s",
            "template": {"modelName": "fraud"},
        },
        {
            "registryRef": {"name": "git"},
            "git": {"path": "models/fraud", "revision": "main"},
            "template": {"modelName": "fraud"},
        },
        {
            "registryRef": {"name": "git"},
            "git": {"artifact": "risk:fraud", "stage": "prod"},
            "template": {"modelName": "fraud"},
        },
        {
            "registryRef": {"name": "aws"},
            "sageMaker": {"group": "Fraud-1", "approvalStatus": "Approved"},
            "template": {"modelName": "fraud"},
        },
        *(
            {"registryRef": {"name": "r"}, **followed, "template": {"modelName": "fraud"}}
            for followed in (
                {"azureML": {"name": "Fraud", "label": "latest"}},
                {"azureML": {"name": "Fraud", "stage": "Production"}},
                {"azureML": {"name": "Fraud", "tag": "champion=yes"}},
                {"azureML": {"name": "Fraud", "semver": "^1.2"}},
                {"sageMaker": {"group": "Fraud-1", "approvalStatus": "Approved", "semver": "~1.2"}},
                {"vertexAI": {"model": "fraud", "semver": "1.x"}},
                {"wandb": {"entity": "team", "project": "p", "collection": "fraud", "semver": ">=1.2 <2"}},
                {"vertexAI": {"model": "fraud", "alias": "default"}},
                {"wandb": {"entity": "team", "project": "p", "collection": "fraud", "alias": "production"}},
                {"wandb": {"entity": "acme", "registry": "model", "collection": "fraud", "alias": "production"}},
            )
        ),
    ],
    "ModelRegistry": [
        {"huggingFace": {}},
        {"huggingFace": {}, "writeBack": {"champion": "live", "challenger": "next_1"}},
        {"huggingFace": {"address": "https://hub.example.com/hf"}, "credentials": {"secretRef": {"name": "hub"}}},
        {"mlflow": {"address": "http://mlflow.mlops:5000"}},
        {
            "mlflow": {"address": "https://mlflow.example.com/mlflow", "workspace": "risk"},
            "credentials": {"secretRef": {"name": "mlflow"}},
            "tls": {"caConfigMapRef": {"name": "ca", "key": "tls.crt"}},
        },
        {"mlflow": {"address": "https://mlflow"}, "tls": {"caConfigMapRef": {"name": "ca"}}},
        {
            "mlflow": {"address": "https://mlflow"},
            "writeBack": {"champion": "champion", "challenger": "vNext", "tags": "Outcome"},
        },
        {"mlflow": {"address": "https://mlflow"}, "writeBack": {"champion": "latest-good"}},
        {"mlflow": {"address": "https://mlflow"}, "writeBack": {"stage": "Production"}},
        {
            "mlflow": {"address": "https://mlflow"},
            "writeBack": {"tags": "Outcome", "evidence": "https://g:3000/d?r={rollout}&n={namespace}{revision}/{at}"},
        },
        {
            "vertexAI": {"project": "risk-1", "location": "europe-west4"},
            "writeBack": {"champion": "default", "challenger": "c-1", "tags": "Outcome"},
        },
        {"wandb": {}, "writeBack": {"champion": "champion", "challenger": "vNext", "tags": "Outcome"}},
        {"objectStore": {"uri": "s3://models"}},
        {
            "objectStore": {"uri": "s3://models/risk/", "endpoint": "http://minio:9000", "region": "eu-central-1"},
            "credentials": {"secretRef": {"name": "store"}},
        },
        {"objectStore": {"uri": "gs://models/risk"}, "credentials": {"secretRef": {"name": "store"}}},
        {"objectStore": {"uri": "az://models", "account": "riskteam"}},
        {"azureML": {**AZURE, "workspace": "ws-risk"}, "writeBack": {"tags": "Outcome"}},
        {"azureML": {**AZURE, "workspace": "ws-risk"}, "credentials": {"secretRef": {"name": "azure"}}},
        {
            "azureML": {
                **AZURE,
                "registry": "reg-risk",
                "endpoint": "https://management.chinacloudapi.cn",
                "loginEndpoint": "https://login.chinacloudapi.cn",
                "blobEndpoint": "http://azurite:10000",
            }
        },
        {"git": {"address": "https://git.example.com/team/models.git", "dvcRemote": "store"}},
        {"oci": {"address": "https://ghcr.io"}, "writeBack": {"champion": "_Live", "challenger": "c"}},
        {"oci": {"address": "https://ghcr.io/"}, "credentials": {"secretRef": {"name": "ghcr"}}},
        {"sageMaker": {"region": "eu-central-1"}, "credentials": {"secretRef": {"name": "aws"}}},
        {"sageMaker": {"region": "eu-central-1"}, "writeBack": {"approval": "Outcome"}},
        {"sageMaker": {"region": "x"}, "writeBack": {"approval": "Outcome", "evidence": "http://grafana/{rollout}"}},
        {
            "sageMaker": {
                "region": "x",
                "endpoint": "https://vpce-1.example.com",
                "s3Endpoint": "https://s3.example.com",
            }
        },
        {"vertexAI": {"project": "risk-1", "location": "europe-west4"}, "credentials": {"secretRef": {"name": "v"}}},
        {
            "vertexAI": {
                "project": "example.com:risk",
                "location": "x",
                "endpoint": "https://vertex.example.com",
                "storageEndpoint": "https://storage.example.com",
            }
        },
        {"wandb": {}},
        {"wandb": {"address": "https://wandb.example.com"}, "credentials": {"secretRef": {"name": "wandb"}}},
    ],
    "ModelVersion": [
        {"modelName": "f", "version": "1.0.0", "source": {"huggingFace": {"repo": "gpt2", "revision": "refs/pr/1"}}},
        {
            "modelName": "fraud",
            "version": "1.1.0",
            "source": {
                "huggingFace": {
                    "repo": "org/bert-base.v2",
                    "revision": "main",
                    "allowPatterns": ["*.json", "onnx/"],
                    "ignorePatterns": ["*.bin"],
                },
                "registryRef": {"name": "hub"},
            },
        },
        {"modelName": "fraud", "version": "1.3.0", "source": {"mlflow": {"name": "fraud detector", "version": "7"}}},
        {"modelName": "fraud", "version": "1.3.0-rc.1+b7", "source": {"mlflow": {"name": "f", "alias": "champion"}}},
        {
            "modelName": "fraud",
            "version": "2.0.0",
            "source": {"mlflow": {"name": "f", "stage": "Production"}, "registryRef": {"name": "risk"}},
        },
        {
            "modelName": "fraud",
            "version": "2.0.1",
            "source": {"oci": {"reference": "risk/fraud_detector--x.y:v2"}, "registryRef": {"name": "ghcr"}},
        },
        {
            "modelName": "fraud",
            "version": "2.0.2",
            "source": {"oci": {"reference": f"fraud@{DIGEST}"}, "registryRef": {"name": "ghcr"}},
        },
        *(
            {
                "modelName": "fraud",
                "version": "2.0.5",
                "source": {"azureML": {"name": "Fraud", **selector}, "registryRef": {"name": "azure"}},
            }
            for selector in ({"version": "7"}, {"label": "latest"}, {"stage": "Production"}, {"tag": "champion=yes"})
        ),
        {
            "modelName": "fraud",
            "version": "2.0.3",
            "source": {"git": {"path": "models/fraud é", "revision": "añejo/x"}, "registryRef": {"name": "git"}},
        },
        {
            "modelName": "fraud",
            "version": "2.0.4",
            "source": {"git": {"artifact": "risk:fraud", "version": "v1.2.3"}, "registryRef": {"name": "git"}},
        },
        {
            "modelName": "fraud",
            "version": "2.0.5",
            "source": {"git": {"artifact": "fraud", "stage": "prod"}, "registryRef": {"name": "git"}},
        },
        {
            "modelName": "f",
            "version": "0.0.1",
            "source": {"uri": {"uri": "s3://bucket/a/b"}},
            "artifact": {},
            "policy": {},
        },
        {
            "modelName": "f",
            "version": "0.0.2",
            "source": {"uri": {"uri": "s3://bucket/a/b"}},
            "lineage": {
                "runId": "run-7",
                "gitCommit": "0123abc",
                "gitRepository": "https://git.example.com/risk/fraud",
                "trainedAt": "2026-11-01T10:00:00Z",
                "datasets": [{"name": "transactions-2026", "digest": "md5:1", "uri": "s3://d/1", "role": "training"}],
                "parameters": {"depth": "4"},
            },
            "environment": {"pythonVersion": "3.12.4", "requirements": {"numpy": "2.1.0", "scipy": ""}},
            "signature": {
                "inputs": [{"name": "amount", "type": "double"}, {"name": "note", "presence": "Optional"}],
                "outputs": [{"name": "0", "type": "tensor", "shape": "[-1, 2]"}],
            },
            "evaluation": {"scores": [{"metric": "auc", "value": "0.91", "dataset": "holdout"}]},
            "card": {"license": "mit", "baseModels": ["org/base"], "task": "tabular-classification"},
            "provenance": {
                "createdBy": "Ada 你好",
                "createdAt": "2026-11-01T10:00:00+01:00",
                "attestations": [
                    {"name": "SBOM", "uri": "oci://registry.example.com/fraud@sha256:0", "digest": DIGEST}
                ],
            },
        },
        {
            "modelName": "f",
            "version": "0.0.1",
            "source": {"uri": {"uri": "s3://bucket/a/b"}},
            "policy": {"pickle": "KnownOnly", "semver": "Enforce", "naming": "Convention"},
        },
        *(
            {
                "modelName": "f",
                "version": "0.0.2",
                "source": {"uri": {"uri": f"{scheme}://bucket/a/b"}, "registryRef": {"name": "store"}},
            }
            for scheme in ("s3", "gs", "az")
        ),
        *(
            {
                "modelName": "fraud",
                "version": "2.0.5",
                "source": {"azureML": {"name": "Fraud", **selector}, "registryRef": {"name": "azure"}},
            }
            for selector in ({"version": "7"}, {"label": "latest"}, {"stage": "Production"}, {"tag": "champion=yes"})
        ),
        {
            "modelName": "fraud",
            "version": "2.0.3",
            "source": {"sageMaker": {"packageArn": PACKAGE}, "registryRef": {"name": "aws"}},
        },
        {
            "modelName": "fraud",
            "version": "2.0.4",
            "source": {"sageMaker": {"group": "Fraud-1", "approvalStatus": "Approved"}, "registryRef": {"name": "aws"}},
        },
        {
            "modelName": "fraud",
            "version": "2.0.5",
            "source": {
                "wandb": {"entity": "risk", "project": "fraud", "collection": "détecteur v2", "version": "v0"},
                "registryRef": {"name": "wandb"},
            },
        },
        {
            "modelName": "fraud",
            "version": "2.0.6",
            "source": {
                "wandb": {"entity": "acme", "registry": "RAG Models", "collection": "fraud", "alias": "production"},
                "registryRef": {"name": "wandb"},
            },
        },
        {
            "modelName": "fraud",
            "version": "2.0.7",
            "source": {"vertexAI": {"model": "4711", "version": "12"}, "registryRef": {"name": "vertex"}},
        },
        {
            "modelName": "fraud",
            "version": "2.0.8",
            "source": {"vertexAI": {"model": "fraud_1-x", "alias": "champion-A1"}, "registryRef": {"name": "vertex"}},
        },
        {
            "modelName": "fraud",
            "version": "2.0.9",
            "source": {"volume": {"claimName": "models", "path": "fraud/v..7/.b/...c d"}},
        },
        {
            "modelName": "fraud",
            "version": "2.1.0",
            "source": {"volume": {"claimName": "models.nfs"}},
        },
        {
            "modelName": "fraud",
            "version": "10.20.30",
            "source": {"uri": {"uri": "https://models.example.com/f.tar"}},
            "artifact": {"digest": DIGEST},
        },
    ],
}
