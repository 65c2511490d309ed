#!/bin/sh
# Prints the rules as a PrometheusRule for the Prometheus operator: deploy/prometheus/operator.sh | kubectl apply -f -
# Given files of the folder `rules`, it prints those alone: deploy/prometheus/operator.sh recording.yml alerts.yml
set -eu
cd "$(dirname "$0")/rules"
cat << END
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: delivery-risk
  namespace: delivery-risk
  labels:
    app.kubernetes.io/name: delivery-risk
spec:
  groups:
END
[ $# -gt 0 ] || set -- *.yml
for file; do
    sed '1,/^groups:$/d; s/^/  /' "$file"
done
