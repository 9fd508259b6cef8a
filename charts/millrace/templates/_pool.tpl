{{/*
One pool: ServiceAccount, Deployment or StatefulSet, Service, PodDisruptionBudget, ScaledObject, PodMonitor.
Takes root, name, and the pool's entry of millrace.pools.
*/}}
{{- define "millrace.pool" -}}
{{- $root := .root -}}
{{- $values := index $root.Values.pools .pool.values -}}
{{- $fullname := printf "%s-%s" (include "millrace.fullname" $root) .name -}}
{{- $scope := dict "root" $root "component" .name -}}
{{- $stateful := .pool.stateful -}}
{{- $topic := printf "%s%s" $root.Values.kafka.topicPrefix .pool.topic -}}
{{- $autoscaled := $root.Values.keda.enabled -}}
{{- $most := ternary $values.maxReplicas $values.replicas $autoscaled | int -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $fullname }}
  labels:
    {{- include "millrace.labels" $scope | nindent 4 }}
# Workers never call the API server.
automountServiceAccountToken: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $fullname }}
  labels:
    {{- include "millrace.labels" $scope | nindent 4 }}
spec:
  # Headless: for metrics and probes of single pods{{ if $stateful }}, and for the pod names of the StatefulSet{{ end }}. Work arrives only through Kafka.
  clusterIP: None
  # Search replicas that have not caught up must be found too.
  publishNotReadyAddresses: true
  selector:
    {{- include "millrace.selectorLabels" $scope | nindent 4 }}
  ports:
    - name: http
      port: {{ $root.Values.ports.http }}
      targetPort: http
---
apiVersion: apps/v1
kind: {{ ternary "StatefulSet" "Deployment" (default false $stateful) }}
metadata:
  name: {{ $fullname }}
  labels:
    {{- include "millrace.labels" $scope | nindent 4 }}
spec:
  {{- if not $autoscaled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  {{- if $stateful }}
  serviceName: {{ $fullname }}
  # Replicas don't depend on each other.
  podManagementPolicy: Parallel
  {{- if eq $values.volume.type "claim" }}
  # A replica without its volume rebuilds its index from the log, so no claim need outlive its pod.
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: {{ $values.volume.retentionPolicy.whenDeleted }}
    whenScaled: {{ $values.volume.retentionPolicy.whenScaled }}
  volumeClaimTemplates:
    # Without labels: they could contain a version, and templates can't be changed later.
    - metadata:
        name: index
      spec:
        accessModes:
          {{- toYaml $values.volume.accessModes | nindent 10 }}
        {{- with $values.volume.storageClassName }}
        storageClassName: {{ . | quote }}
        {{- end }}
        resources:
          requests:
            storage: {{ $values.volume.size }}
  {{- end }}
  {{- else }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      # A new pod joins before an old one leaves. This causes two rebalances, but there are never fewer workers.
      maxSurge: 1
      maxUnavailable: 0
  {{- end }}
  selector:
    matchLabels:
      {{- include "millrace.selectorLabels" $scope | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "millrace.podLabels" $scope | nindent 8 }}
        {{- with $values.labels | default $root.Values.podDefaults.labels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        # Workers read their settings only once, so they restart when the settings change.
        checksum/settings: {{ include "millrace.settings" $root | sha256sum }}
        {{- with $values.annotations | default $root.Values.podDefaults.annotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ $fullname }}
      automountServiceAccountToken: false
      # With service links, a Service named redis would set variables such as REDIS_PORT, which look like settings.
      enableServiceLinks: false
      terminationGracePeriodSeconds: {{ include "millrace.graceSeconds" $root }}
      securityContext:
        {{- include "millrace.podSecurityContext" $root | nindent 8 }}
      {{- with $values.priorityClassName | default $root.Values.podDefaults.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $values.nodeSelector | default $root.Values.podDefaults.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations | default $root.Values.podDefaults.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity | default $root.Values.podDefaults.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
        {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: 1
          topologyKey: {{ $key }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "millrace.selectorLabels" $scope | nindent 14 }}
          matchLabelKeys: [{{ ternary "controller-revision-hash" "pod-template-hash" (default false $stateful) }}]
        {{- end }}
      containers:
        - name: worker
          image: {{ include "millrace.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          command: [millrace]
          args:
            {{- toYaml .pool.args | nindent 12 }}
            - --settings
            - /etc/millrace/settings.yaml
          {{- with include "millrace.environment" (dict "root" $root "secrets" .pool.secrets "stateful" $stateful) | trim }}
          env:
            {{- . | nindent 12 }}
          {{- end }}
          ports:
            - name: http
              containerPort: {{ $root.Values.ports.http }}
          # The port opens before the model is loaded. This allows for a slow start of the process from a cold disk.
          startupProbe:
            httpGet:
              path: /healthz
              port: http
            periodSeconds: 2
            failureThreshold: 60
          # Fails only when a stage has stopped, not when the brokers are down: an outage must not restart every pool.
          livenessProbe:
            httpGet:
              path: /healthz
              port: http
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          # Ready when the group is joined, with or without partitions; for search also when the index has caught up and
          # can be stored.
          readinessProbe:
            httpGet:
              path: /readyz
              port: http
            periodSeconds: 5
            timeoutSeconds: 5
            failureThreshold: 3
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          securityContext:
            {{- include "millrace.containerSecurityContext" $root | nindent 12 }}
          volumeMounts:
            {{- include "millrace.volumeMounts" $root | nindent 12 }}
            {{- if and .pool.model (eq $root.Values.model.source "volume") }}
            - name: model
              mountPath: {{ $root.Values.model.mountPath }}
              {{- with $root.Values.model.subPath }}
              subPath: {{ . }}
              {{- end }}
              readOnly: true
            {{- end }}
            {{- if $stateful }}
            # Writable for the user of the pod by fsGroup.
            - name: index
              mountPath: {{ include "millrace.indexPath" $root }}
            {{- end }}
      volumes:
        {{- include "millrace.volumes" $root | nindent 8 }}
        {{- if and $stateful (eq $values.volume.type "emptyDir") }}
        - name: index
          emptyDir:
            sizeLimit: {{ $values.volume.size }}
        {{- end }}
        {{- if and .pool.model (eq $root.Values.model.source "volume") }}
        - name: model
          persistentVolumeClaim:
            claimName: {{ $root.Values.model.existingClaim }}
            readOnly: true
        {{- end }}
{{- if gt $most 1 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $fullname }}
  labels:
    {{- include "millrace.labels" $scope | nindent 4 }}
spec:
  # Not minAvailable: with one replica it would block every node drain.
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "millrace.selectorLabels" $scope | nindent 6 }}
{{- end }}
{{- if $autoscaled }}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ $fullname }}
  labels:
    {{- include "millrace.labels" $scope | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: {{ ternary "StatefulSet" "Deployment" (default false $stateful) }}
    name: {{ $fullname }}
  pollingInterval: {{ $values.pollingInterval }}
  cooldownPeriod: {{ $values.cooldownPeriod }}
  {{- if not (kindIs "invalid" $values.idleReplicas) }}
  idleReplicaCount: {{ $values.idleReplicas }}
  {{- end }}
  minReplicaCount: {{ $values.minReplicas }}
  maxReplicaCount: {{ $values.maxReplicas }}
  fallback:
    failureThreshold: {{ $root.Values.keda.fallback.failureThreshold }}
    replicas: {{ max 1 ($values.minReplicas | int) }}
    behavior: currentReplicasIfHigher
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        {{- toYaml ($values.behavior | default $root.Values.keda.behavior) | nindent 8 }}
  triggers:
    - type: kafka
      name: lag
      metadata:
        bootstrapServers: {{ $root.Values.keda.bootstrapServers | default $root.Values.kafka.bootstrapServers | quote }}
        consumerGroup: {{ .pool.group | quote }}
        topic: {{ $topic | quote }}
        lagThreshold: {{ $values.lagThreshold | quote }}
        activationLagThreshold: {{ $values.activationLagThreshold | quote }}
        # the same as the workers' auto.offset.reset
        offsetResetPolicy: "earliest"
        # Without this, KEDA limits replicas by the number of partitions and stalls just below it. maxReplicas is the limit.
        allowIdleConsumers: "true"
        {{- with $root.Values.keda.version }}
        version: {{ . | quote }}
        {{- end }}
        {{- if $root.Values.keda.authentication.enabled }}
        sasl: {{ $root.Values.keda.authentication.sasl | quote }}
        tls: {{ $root.Values.keda.authentication.tls | quote }}
        {{- end }}
      {{- if $root.Values.keda.authentication.enabled }}
      authenticationRef:
        name: {{ include "millrace.fullname" $root }}-kafka
      {{- end }}
{{- end }}
{{- if $root.Values.podMonitors.enabled }}
---
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: {{ $fullname }}
  labels:
    {{- include "millrace.labels" $scope | nindent 4 }}
    {{- with $root.Values.podMonitors.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "millrace.selectorLabels" $scope | nindent 6 }}
  namespaceSelector:
    matchNames: [{{ $root.Release.Namespace }}]
  podMetricsEndpoints:
    - port: http
      path: /metrics
      interval: {{ $root.Values.podMonitors.interval }}
{{- end }}
{{- end -}}
