{{/* Names and labels. */}}
{{- define "kelp.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "kelp.selector" -}}
app.kubernetes.io/name: kelp
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "kelp.labels" -}}
{{ include "kelp.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "kelp.image" -}}
{{- $image := .Values.image -}}
{{- $name := $image.repository -}}
{{- with .Values.global.imageRegistry }}{{ $name = printf "%s/%s" (trimSuffix "/" .) $name }}{{ end -}}
{{- if $image.digest -}}{{ $name }}@{{ $image.digest }}{{- else -}}{{ $name }}:{{ $image.tag | default .Chart.AppVersion }}{{- end -}}
{{- end -}}

{{- define "kelp.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}{{ .Values.serviceAccount.name | default (include "kelp.fullname" .) }}
{{- else -}}{{ .Values.serviceAccount.name | default "default" }}{{- end -}}
{{- end -}}

{{- define "kelp.keysSecret" -}}
{{- .Values.auth.existingSecret | default (printf "%s-keys" (include "kelp.fullname" .)) -}}
{{- end -}}

{{- define "kelp.clusterSecret" -}}
{{- .Values.auth.existingClusterSecret | default (printf "%s-cluster" (include "kelp.fullname" .)) -}}
{{- end -}}

{{- define "kelp.tlsSecret" -}}
{{- .Values.s3.tls.secretName | default (printf "%s-s3-tls" (include "kelp.fullname" .)) -}}
{{- end -}}

{{/* The secret of one of s3.tls.certificates, `own`. */}}
{{- define "kelp.namedTlsSecret" -}}
{{- .own.secretName | default (printf "%s-s3-tls-%s" (include "kelp.fullname" .root) .own.name) -}}
{{- end -}}

{{- define "kelp.tlsMounts" -}}
{{- with .Values.s3.tls }}
{{- if .enabled }}
- { name: tls, mountPath: /tls, readOnly: true }
{{- if .certificates }}
- { name: tls-names, mountPath: /tls-names, readOnly: true }
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The pair of s3.tls_cert, and the folder s3.tls_dir: a pair NAME.crt, NAME.key of each further secret. */}}
{{- define "kelp.tlsVolumes" -}}
{{- with .Values.s3.tls }}
{{- if .enabled }}
- name: tls
  secret: { secretName: {{ include "kelp.tlsSecret" $ }}, defaultMode: 0440 }
{{- if .certificates }}
{{- $names := list }}
{{- range .certificates }}{{ $names = append $names .name }}{{ end }}
{{- if ne (len $names) (len (uniq $names)) }}
{{- fail (printf "s3.tls.certificates: each needs a name of its own: %s" (join ", " $names)) }}
{{- end }}
- name: tls-names
  projected:
    defaultMode: 0440
    sources:
      {{- range .certificates }}
      - secret:
          name: {{ include "kelp.namedTlsSecret" (dict "root" $ "own" .) }}
          items: [{ key: tls.crt, path: {{ .name }}.crt }, { key: tls.key, path: {{ .name }}.key }]
      {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "kelp.internalTlsSecret" -}}
{{- .Values.tls.internal.secretName | default (printf "%s-internal-tls" (include "kelp.fullname" .)) -}}
{{- end -}}

{{/* TLS among the daemons of a cluster: a mount, a volume and the settings, as variables. */}}
{{- define "kelp.internalTls" -}}
{{- if and .Values.tls.internal.enabled (eq .Values.mode "cluster") }}yes{{ end -}}
{{- end -}}

{{- define "kelp.internalTlsEnvironment" -}}
- { name: KELP_CLUSTER_TLS_CERT, value: /internal-tls/tls.crt }
- { name: KELP_CLUSTER_TLS_KEY, value: /internal-tls/tls.key }
- { name: KELP_CLUSTER_TLS_CA, value: /internal-tls/ca.crt }
- { name: KELP_CLUSTER_TLS_NAME, value: {{ .Values.tls.internal.name }} }
{{- end -}}

{{- define "kelp.internalTlsVolume" -}}
- name: internal-tls
  secret: { secretName: {{ include "kelp.internalTlsSecret" . }}, defaultMode: 0440 }
{{- end -}}

{{/* Addresses, as the daemons are told them. Whoever listens on [::] is reached by both families. */}}
{{- define "kelp.any" -}}
{{- $service := .Values.s3.service -}}
{{- if or (has "IPv6" $service.ipFamilies) (has $service.ipFamilyPolicy (list "PreferDualStack" "RequireDualStack")) -}}[::]{{- else -}}0.0.0.0{{- end -}}
{{- end -}}

{{- define "kelp.masters" -}}
{{- $name := include "kelp.fullname" . -}}
{{- range $i := until (int .Values.master.replicas) -}}
{{- if $i }},{{ end }}{{ add1 $i }}={{ $name }}-master-{{ $i }}.{{ $name }}-master:19333
{{- end -}}
{{- end -}}

{{/* How many filers there can be: with an autoscaler more than there are. */}}
{{- define "kelp.filerCount" -}}
{{- with .Values.filer -}}{{ if .autoscaling.enabled }}{{ .autoscaling.maxReplicas }}{{ else }}{{ .replicas }}{{ end }}{{- end -}}
{{- end -}}

{{/* Whoever is not there yet is passed over, and found by who prefers it when it comes. */}}
{{- define "kelp.filers" -}}
{{- $name := include "kelp.fullname" . -}}
{{- range $i := until (int (include "kelp.filerCount" .)) -}}
{{- if $i }},{{ end }}{{ $name }}-filer-{{ $i }}.{{ $name }}-filer:18888
{{- end -}}
{{- end -}}

{{/* A group's values: its own, and the defaults for the rest. */}}
{{- define "kelp.group" -}}
{{- mergeOverwrite (deepCopy .defaults) (default dict .own) | toYaml -}}
{{- end -}}

{{/* What every pod has. Call with a dict: root, component, own (the component's values). */}}
{{- define "kelp.pod" -}}
serviceAccountName: {{ include "kelp.serviceAccount" .root }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .own }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .initContainers }}
initContainers: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "kelp.metadata" -}}
labels:
  {{- include "kelp.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
{{- with .group }}
  kelp/group: {{ . }}
{{- end }}
annotations:
  checksum/settings: {{ include "kelp.toml" .root | sha256sum }}
  {{- if and (eq .component "s3") (include "kelp.makesKeys" .root) }}
  checksum/keys: {{ include "kelp.madeKeys" .root | sha256sum | trunc 8 | quote }}
  {{- end }}
{{- with .own.podAnnotations }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "kelp.spread" -}}
{{- $labels := printf "%s\napp.kubernetes.io/component: %s" (include "kelp.selector" .root) .component -}}
{{- if .group }}{{ $labels = printf "%s\nkelp/group: %s" $labels .group }}{{ end -}}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- $labels | nindent 8 }}
  {{- end }}
{{- end -}}

{{- define "kelp.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end -}}

{{- define "kelp.container" -}}
image: {{ include "kelp.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{ include "kelp.containerSecurity" . }}
resources: {{- toYaml .own.resources | nindent 2 }}
{{- end -}}

{{/* Liveness never looks at other pods: a daemon that waits for them is not dead. */}}
{{- define "kelp.probes" -}}
startupProbe:
  httpGet: { path: /healthz, port: admin }
  periodSeconds: 2
  failureThreshold: 150
livenessProbe:
  httpGet: { path: /healthz, port: admin }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /readyz, port: admin }
  periodSeconds: 2
  timeoutSeconds: 3
  failureThreshold: 2
{{- end -}}

{{- define "kelp.environment" -}}
- { name: KELP_CONFIG, value: /etc/kelp/kelp.toml }
- name: POD_NAME
  valueFrom: { fieldRef: { fieldPath: metadata.name } }
{{- if include "kelp.internalTls" . }}
{{ include "kelp.internalTlsEnvironment" . }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "kelp.keysEnvironment" -}}
{{- range $variable, $key := dict "KELP_ACCESS_KEY" "access_key" "KELP_SECRET_KEY" "secret_key" }}
- name: {{ $variable }}
  valueFrom: { secretKeyRef: { name: {{ include "kelp.keysSecret" $ }}, key: {{ $key }} } }
{{- end }}
{{- end -}}

{{- define "kelp.mounts" -}}
- { name: settings, mountPath: /etc/kelp }
- { name: cluster, mountPath: /identity }
- { name: tmp, mountPath: /tmp }
{{- if include "kelp.internalTls" . }}
- { name: internal-tls, mountPath: /internal-tls, readOnly: true }
{{- end }}
{{- end -}}

{{- define "kelp.volumes" -}}
- name: settings
  configMap: { name: {{ include "kelp.fullname" . }} }
- name: cluster
  secret: { secretName: {{ include "kelp.clusterSecret" . }}, defaultMode: 0440 }
- name: tmp
  emptyDir: { sizeLimit: 64Mi }
{{- if include "kelp.internalTls" . }}
{{ include "kelp.internalTlsVolume" . }}
{{- end }}
{{- end -}}

{{- define "kelp.claim" -}}
- metadata:
    name: data
    labels: {{- include "kelp.selector" .root | nindent 6 }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .own.storage.className }}
    storageClassName: {{ . }}
    {{- end }}
    resources: { requests: { storage: {{ .own.storage.size }} } }
{{- end -}}

{{- define "kelp.retention" -}}
persistentVolumeClaimRetentionPolicy:
  whenDeleted: {{ .Values.persistence.whenDeleted }}
  whenScaled: {{ .Values.persistence.whenScaled }}
{{- end -}}

{{- define "kelp.families" -}}
{{- with .Values.s3.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.s3.service.ipFamilies }}
ipFamilies: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A headless service, for a StatefulSet's pods to have names. */}}
{{- define "kelp.headless" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  labels: {{- include "kelp.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  clusterIP: None
  publishNotReadyAddresses: true
  selector: {{- include "kelp.selector" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    {{- with .group }}
    kelp/group: {{ . }}
    {{- end }}
  ports:
    - { name: rpc, port: {{ .port }}, targetPort: rpc }
    - { name: admin, port: 28333, targetPort: admin }
{{- end -}}

{{/* Call with `kind`, that of what is scaled, too. */}}
{{- define "kelp.autoscaler" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .name }}
  labels: {{- include "kelp.labels" .root | nindent 4 }}
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: {{ .kind }}, name: {{ .name }} }
  {{- with .own.autoscaling }}
  minReplicas: {{ .minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    - type: Resource
      resource: { name: cpu, target: { type: Utilization, averageUtilization: {{ .cpuPercent }} } }
  {{- end }}
{{- end -}}

{{- define "kelp.pdb" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  labels: {{- include "kelp.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "kelp.selector" .root | nindent 6 }}
      app.kubernetes.io/component: {{ .component }}
      {{- with .group }}
      kelp/group: {{ . }}
      {{- end }}
{{- end -}}

{{/* What was made at the first install stays what it is. */}}
{{- define "kelp.kept" -}}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace .secret -}}
{{- if and $found (hasKey ($found.data | default dict) .key) -}}
{{- index $found.data .key | b64dec -}}
{{- else -}}
{{- .fresh -}}
{{- end -}}
{{- end -}}

{{- define "kelp.makesCluster" -}}
{{- if and (eq .Values.mode "cluster") (not .Values.auth.existingClusterSecret) }}yes{{ end -}}
{{- end -}}

{{/* Refuses to be another cluster where the secret of the one that runs is gone. */}}
{{- define "kelp.sameCluster" -}}
{{- $secret := include "kelp.clusterSecret" . -}}
{{- $found := lookup "v1" "Secret" .Release.Namespace $secret -}}
{{- $masters := printf "%s-master" (include "kelp.fullname" .) -}}
{{- if and (lookup "apps/v1" "StatefulSet" .Release.Namespace $masters) (not (hasKey ($found.data | default dict) "cluster")) -}}
{{- fail (printf "secret %s: it is gone or has no `cluster`, and %s runs: a new one would be that of another cluster. Restore it from its backup, or name another secret in auth.existingClusterSecret: \"Secrets\" in docs/operations/kubernetes.md" $secret $masters) -}}
{{- end -}}
{{- end -}}

{{/* A key ring as `kelp kms init` makes it, with the sum that a template can compute (docs/formats/keyring.md). */}}
{{- define "kelp.newRing" -}}
{{- $id := uuidv4 -}}
{{- $ring := printf "kelp-keyring 1\nkey %s 1 %x\nkey s3 1 %x\nalias aws/s3 %s\n" $id (randBytes 32 | b64dec) (randBytes 32 | b64dec) $id -}}
{{- printf "%ssum %s\n" $ring (sha256sum $ring) -}}
{{- end -}}

{{/* The administrator's keys when the chart makes them: drawn once a rendering, so that a pod's checksum is that of the secret. */}}
{{- define "kelp.makesKeys" -}}
{{- if not (or .Values.auth.externalSecret.enabled .Values.auth.existingSecret) }}yes{{ end -}}
{{- end -}}

{{- define "kelp.madeKeys" -}}
{{- if not (hasKey .Values.auth "made") -}}
{{- $secret := printf "%s-keys" (include "kelp.fullname" .) -}}
{{- $access := .Values.auth.accessKey | default (include "kelp.kept" (dict "root" . "secret" $secret "key" "access_key" "fresh" (randAlphaNum 20 | upper))) -}}
{{- $key := .Values.auth.secretKey | default (include "kelp.kept" (dict "root" . "secret" $secret "key" "secret_key" "fresh" (randAlphaNum 40))) -}}
{{- $_ := set .Values.auth "made" (dict "access_key" $access "secret_key" $key) -}}
{{- end -}}
{{- toJson .Values.auth.made -}}
{{- end -}}

{{/* Refuses what Kubernetes cannot change in the StatefulSet `name`, before anything else is changed. */}}
{{- define "kelp.sameStorage" -}}
{{- $found := lookup "apps/v1" "StatefulSet" .root.Release.Namespace .name -}}
{{- range dig "spec" "volumeClaimTemplates" list $found -}}
{{- $is := list .spec.resources.requests.storage (.spec.storageClassName | default "") -}}
{{- $wanted := list $.own.storage.size $.own.storage.className -}}
{{- if ne (list (include "kelp.bytes" (first $is)) (last $is) | toString) (list (include "kelp.bytes" (first $wanted)) (last $wanted) | toString) -}}
{{- fail (printf "%s: its claims are %s, not %s, and a StatefulSet cannot change that: \"Larger claims\" in docs/operations/kubernetes.md says how it is done" $.name (join " " $is | trim) (join " " $wanted | trim)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "20Gi" as a number, since Kubernetes gives 1024Mi back as 1Gi. */}}
{{- define "kelp.bytes" -}}
{{- $number := regexFind "^[0-9.]+" . -}}
{{- $unit := trimPrefix $number . -}}
{{- $power := index (dict "" 0 "k" 1 "M" 2 "G" 3 "T" 4 "P" 5) (trimSuffix "i" $unit) -}}
{{- $bytes := float64 $number -}}
{{- range until (int $power) }}{{ $bytes = mulf $bytes (hasSuffix "i" $unit | ternary 1024 1000) }}{{ end -}}
{{- $bytes -}}
{{- end -}}

{{/* Masters that come later must wait to be added: one that begins a group of its own would be none of the old one. */}}
{{- define "kelp.sameMasters" -}}
{{- $replicas := int .Values.master.replicas -}}
{{- $found := lookup "apps/v1" "StatefulSet" .Release.Namespace (printf "%s-master" (include "kelp.fullname" .)) -}}
{{- range dig "spec" "template" "spec" "containers" list $found -}}
{{- $before := regexFindAll "[0-9]+=[^ ,]+:19333" (.args | default list | join " ") -1 | len -}}
{{- if and (eq .name "master") $before (gt $replicas $before) (or (eq 0 (int $.Values.master.founders)) (gt (int $.Values.master.founders) $before)) -}}
{{- fail (printf "master.replicas: %d masters run; set master.founders=%d, so that the others wait to be added: \"More masters\" in docs/operations/kubernetes.md" $before $before) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "kelp.toml" -}}
{{- $settings := .Values.settings -}}
{{- if eq (toString .Values.logFormat) "json" }}{{ $settings = merge (dict) $settings (dict "log.format" "json") }}{{ end -}}
{{- range $key, $value := $settings }}
{{ $key }} = {{ if kindIs "string" $value }}{{ $value | quote }}{{ else }}{{ $value }}{{ end }}
{{- end }}
{{- end -}}
