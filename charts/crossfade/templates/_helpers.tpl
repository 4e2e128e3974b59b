{{/* Release and chart in one name, at most 52 characters: Services and pods append to it. */}}
{{- define "crossfade.name" -}}
{{- $name := contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) -}}
{{- $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{/* Cluster-scoped objects carry the namespace too, so that releases of one name in two namespaces do not collide. */}}
{{- define "crossfade.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "crossfade.name" .) -}}
{{- end -}}

{{- define "crossfade.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The pod of `helm test`, which the Service must not take for the operator. */}}
{{- define "crossfade.testSelector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* What no label of the user's may replace: Services and Deployments select by two of them. */}}
{{- define "crossfade.ownLabels" -}}
{{ include "crossfade.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Of the chart and labels of the object's own, which win over those that all objects have. */}}
{{- define "crossfade.labelsWith" -}}
{{- $root := index . 0 -}}
{{ include "crossfade.ownLabels" $root }}
{{- with merge (dict) (index . 1) $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "crossfade.labels" -}}
{{- include "crossfade.labelsWith" (list . dict) -}}
{{- end -}}

{{- define "crossfade.account" -}}
{{- .Values.serviceAccount.name | default (include "crossfade.name" .) -}}
{{- end -}}

{{- define "crossfade.monitored" -}}
{{- if or .Values.podMonitor.enabled .Values.serviceMonitor.enabled }}true{{ end -}}
{{- end -}}

{{- define "crossfade.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- $digest := .Values.image.digest | empty | ternary "" (printf "@%s" .Values.image.digest) -}}
{{- printf "%s:%s%s" .Values.image.repository $tag $digest -}}
{{- end -}}

{{/* A restricted pod, by which the pod of `helm test` is held to no less than the operator's. */}}
{{- define "crossfade.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "crossfade.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* An operator from before the Lease asks for none and writes; a rolling update would run it beside those of this chart. */}}
{{- define "crossfade.noneWithoutLease" -}}
{{- $name := include "crossfade.name" . -}}
{{- $found := lookup "apps/v1" "Deployment" .Release.Namespace $name -}}
{{- if eq .Release.Name (dig "metadata" "labels" "app.kubernetes.io/instance" "" $found) -}}
{{- $names := list -}}
{{- range $found.spec.template.spec.containers }}{{ range .env }}{{ $names = append $names .name }}{{ end }}{{ end -}}
{{- if not (has "CROSSFADE_LEASE" $names) -}}
{{- fail (printf "the operator that runs is from before the Lease and would write beside the new one: end it with `kubectl --namespace %s delete deployment %s --cascade=foreground`, then upgrade again; traffic stays where it is meanwhile" .Release.Namespace $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
