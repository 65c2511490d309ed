// The Prometheus operator's own types, as TypeScript has them of its Kubernetes definitions. make.sh makes monitor.json of it.
import type { IComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1ServiceMonitorSpec as Spec } from './node_modules/@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitorSpec';

export interface ServiceMonitor {
  apiVersion: 'monitoring.coreos.com/v1';
  kind: 'ServiceMonitor';
  metadata: object;
  spec: Spec;
}
