"""Values as platform teams set them together, by name: what every check of the rendered objects is made with.

`CORE` has each template's branches once; `MORE` are the rest, which differ from these by a single value.
"""

from tests.chart.rendering import Object

_ON: Object = {"enabled": True}
_SOURCE: Object = {"name": "mimir", "address": "https://mimir.example/prometheus"}
_FILE = "/etc/crossfade/secrets/mimir/"
_TERM: Object = {
    "topologyKey": "kubernetes.io/hostname",
    "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "crossfade"}},
}
_ZONES: Object = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a", "b"]}
_MONITORING: Object = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
_CONFIG_MAP: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more"}, "data": {"a": "b"}}


def _env(name: str, **source: Object) -> Object:
    return {"extraEnv": [{"name": name, "valueFrom": source}]}


CORE: dict[str, Object] = {
    "as it is": {},
    "one replica": {"replicas": 1},
    "one namespace": {"namespaces": ["default"], "rbac": {"people": False}},
    "no CRDs, another's account": {
        "crds": {"enabled": False},
        "serviceAccount": {"create": False, "name": "theirs"},
    },
    "CRDs that go": {"crds": {"keep": False}},
    "a mirror with digests": {
        "image": {"repository": "mirror.example/cf", "digest": f"sha256:{'0' * 64}", "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "registry"}],
    },
    "many metrics": {
        "prometheus": {
            "sources": [
                {**_SOURCE, "basic": {"username": "a", "passwordFile": f"{_FILE}password"}, "tenant": "ml|fraud"},
                {**_SOURCE, "name": "thanos", "bearerTokenFile": f"{_FILE}token", "timeout": 10},
            ],
            "secrets": ["mimir", "thanos.token"],
        },
    },
    "registries": {
        "mlflow": {"address": "http://mlflow.mlops:5000"},
        "huggingFace": {"address": "https://huggingface.co"},
        "registries": {"secrets": ["mlflow", "hub"], "allowedNetworks": ["10.0.0.0/8", "fd00::/8"]},
        "models": {"pickle": "Forbid"},
    },
    "watched by the Prometheus Operator": {
        "podMonitor": {**_ON, "interval": "15s", "labels": {"release": "kps"}},
        "alerts": {**_ON, "labels": {"release": "kps"}},
        "dashboard": {**_ON, "annotations": {"grafana_folder": "ML"}},
    },
    "closed": {
        "networkPolicy": {**_ON, "from": [_MONITORING], "egress": [{"ports": [{"port": 443, "protocol": "TCP"}]}]},
    },
    "placed": {
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "dedicated", "operator": "Equal", "value": "ml", "effect": "NoSchedule"}],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [_TERM]}},
        "priorityClassName": "system-cluster-critical",
    },
    "hooks": {
        "commonLabels": {"team": "ml"},
        "podLabels": {"team": "operators"},
        "podAnnotations": {"linkerd.io/inject": "enabled"},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "extraVolumes": [{"name": "company", "configMap": {"name": "certificates"}}],
        "extraVolumeMounts": [{"name": "company", "mountPath": "/etc/ssl/company", "readOnly": True}],
        "extraObjects": [_CONFIG_MAP, "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ .Release.Name }}-one"],
    },
}

MORE: dict[str, Object] = {
    **{f"{count} replicas": {"replicas": count} for count in (3, 4, 5)},
    "several namespaces": {"namespaces": ["default", "kube-public"]},
    "several namespaces, no CRDs": {"namespaces": ["default", "kube-public"], "crds": {"enabled": False}},
    "roles without CRDs": {"crds": {"enabled": False}},
    "no roles for people": {"rbac": {"people": False}},
    "orders of any name": {"admissionPolicy": {"enabled": False}},
    "orders of any name in a namespace": {"admissionPolicy": {"enabled": False}, "namespaces": ["default"]},
    "an account of a name": {"serviceAccount": {"name": "operator"}},
    "an account of a cloud": {
        "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/a"}}
    },
    "another's account, one namespace": {
        "serviceAccount": {"create": False, "name": "theirs"},
        "namespaces": ["default"],
    },
    "a tag": {"image": {"tag": "0.1.0-rc.1"}},
    "never pulled": {"image": {"pullPolicy": "Never"}},
    "two pull secrets": {"imagePullSecrets": [{"name": "a"}, {"name": "b.c"}]},
    **{f"read every {seconds} s": {"metrics": {"interval": seconds}} for seconds in (0.5, 1, 300)},
    "metrics over https": {"prometheus": {"address": "https://metrics.example/tenant/a"}},
    "metrics by certificate": {
        "prometheus": {
            "sources": [
                {**_SOURCE, "caFile": f"{_FILE}ca.crt", "certFile": f"{_FILE}tls.crt", "keyFile": f"{_FILE}tls.key"}
            ],
        },
    },
    "another default source": {"prometheus": {"sources": [{**_SOURCE, "name": "default"}]}},
    "a secret and no source": {"prometheus": {"secrets": ["a"]}},
    "MLflow alone": {"mlflow": {"address": "https://mlflow.example"}},
    "the Hub alone": {"huggingFace": {"address": "https://huggingface.co"}},
    "one secret of registries": {"registries": {"secrets": ["mlflow"]}},
    "one network": {"registries": {"allowedNetworks": ["192.168.0.1"]}},
    "pickles that are known": {"models": {"pickle": "KnownOnly"}},
    "more memory": {"resources": {"limits": {"memory": "2Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}}},
    "limited processors": {"resources": {"limits": {"cpu": 2, "memory": "512Mi", "ephemeral-storage": "1Gi"}}},
    "a priority": {"priorityClassName": "high"},
    "any taint": {"tolerations": [{"operator": "Exists"}]},
    "taints for a while": {
        "tolerations": [
            {
                "key": "node.kubernetes.io/unreachable",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 9,
            }
        ],
    },
    "near others": {
        "affinity": {
            "podAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 50, "podAffinityTerm": _TERM}]
            },
        },
    },
    "on some nodes": {
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [_ZONES]}]
                },
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 1, "preference": {"matchExpressions": [{"key": "spot", "operator": "DoesNotExist"}]}}
                ],
            },
        },
    },
    "not spread": {"topologySpreadConstraints": []},
    "spread strictly": {
        "topologySpreadConstraints": [
            {"maxSkew": 1, "minDomains": 2, "topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
        ],
    },
    "spread by a selector": {
        "topologySpreadConstraints": [
            {
                "maxSkew": 2,
                "topologyKey": "rack",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
                "nodeTaintsPolicy": "Honor",
            }
        ],
    },
    "no disruption budget": {"podDisruptionBudget": {"enabled": False}},
    "one replica and its budget": {"replicas": 1, "podDisruptionBudget": _ON},
    "open port": {"networkPolicy": _ON},
    "by pods of a namespace": {
        "networkPolicy": {**_ON, "from": [{**_MONITORING, "podSelector": {"matchLabels": {"app": "prometheus"}}}]},
    },
    "by networks": {
        "networkPolicy": {**_ON, "from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]},
    },
    "out to DNS alone": {
        "networkPolicy": {
            **_ON,
            "egress": [
                {
                    "to": [{"namespaceSelector": {}}],
                    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 8000, "endPort": 9000}],
                }
            ],
        },
    },
    "a PodMonitor": {"podMonitor": _ON},
    "a ServiceMonitor": {"serviceMonitor": _ON},
    "a ServiceMonitor of labels": {"serviceMonitor": {**_ON, "interval": "1m30s", "labels": {"release": "kps"}}},
    "alerts": {"alerts": _ON},
    "alerts of one's own page": {"alerts": {**_ON, "runbooks": "https://wiki.example/runbooks"}},
    "a dashboard": {"dashboard": _ON},
    "a dashboard of another label": {"dashboard": {**_ON, "labels": {"dashboards": "yes"}}},
    "everything watched, labelled": {
        "commonLabels": {"team": "ml", "release": "all"},
        "serviceMonitor": {**_ON, "labels": {"release": "kps"}},
        "alerts": _ON,
        "dashboard": _ON,
        "networkPolicy": _ON,
    },
    "annotations that win": {"podAnnotations": {"prometheus.io/scrape": "false", "example.com/a": "b"}},
    "a secret in the environment": _env("TOKEN", secretKeyRef={"name": "a", "key": "token"}),
    "a setting in the environment": _env("REGION", configMapKeyRef={"name": "a", "key": "region", "optional": True}),
    "the pod in the environment": _env("NODE", fieldRef={"fieldPath": "spec.nodeName"}),
    "the limit in the environment": _env("CPUS", resourceFieldRef={"resource": "limits.cpu"}),
    "a shared folder of models": {
        "extraEnv": [{"name": "CROSSFADE_FILE_ROOT", "value": "/models"}],
        "extraVolumes": [{"name": "models", "persistentVolumeClaim": {"claimName": "models", "readOnly": True}}],
        "extraVolumeMounts": [{"name": "models", "mountPath": "/models", "readOnly": True}],
    },
    "an object as text": {"extraObjects": ["apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: more-text"]},
    "an object": {"extraObjects": [_CONFIG_MAP]},
}

ALL = CORE | MORE
