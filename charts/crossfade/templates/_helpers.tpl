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

{{- define "crossfade.labels" -}}
{{ include "crossfade.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "crossfade.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- $digest := .Values.image.digest | empty | ternary "" (printf "@%s" .Values.image.digest) -}}
{{- printf "%s:%s%s" .Values.image.repository $tag $digest -}}
{{- end -}}
