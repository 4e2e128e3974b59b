{{/* What a schema cannot see, or could not say in words: values that contradict each other. */}}
{{- define "crossfade.refusals" -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.name must name a ServiceAccount that is there, as serviceAccount.create is false" -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled -}}
{{- fail "podMonitor.enabled and serviceMonitor.enabled must not both be true: each pod would be scraped twice, and counted twice" -}}
{{- end -}}
{{- $own := fromYaml (include "crossfade.ownLabels" .) -}}
{{- range $field := list "commonLabels" "podLabels" -}}
{{- range $name, $_ := index $.Values $field -}}
{{- if hasKey $own $name -}}
{{- fail (printf "%s must not have %s: it is %q, by which the chart finds its own objects" $field $name (get $own $name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $values := dict
  "CROSSFADE_PROMETHEUS_ADDRESS" "prometheus.address" "CROSSFADE_METRICS_INTERVAL" "metrics.interval"
  "CROSSFADE_METRICS_SOURCES" "prometheus.sources" "CROSSFADE_LOADER_IMAGE" "image"
  "CROSSFADE_HUGGING_FACE_ADDRESS" "huggingFace.address" "CROSSFADE_MLFLOW_ADDRESS" "mlflow.address"
  "CROSSFADE_ALLOWED_NETWORKS" "registries.allowedNetworks" "CROSSFADE_PICKLE_POLICY" "models.pickle"
  "CROSSFADE_NAMESPACES" "namespaces" -}}
{{- range .Values.extraEnv -}}
{{- if hasKey $values .name -}}
{{- fail (printf "extraEnv must not have %s: set %s instead" .name (get $values .name)) -}}
{{- end -}}
{{- if has .name (list "CROSSFADE_LEASE" "CROSSFADE_LEASE_NAMESPACE" "CROSSFADE_HEALTH_PORT") -}}
{{- fail (printf "extraEnv must not have %s: it must be what the chart's other objects have" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
