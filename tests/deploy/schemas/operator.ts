// The Prometheus operator's own types, as TypeScript has them of its Kubernetes definitions. make.sh makes operator.json of it.
import type { IComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1PrometheusRuleSpec as Rules } from './node_modules/@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRuleSpec';
import type { IComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1ServiceMonitorSpec as Monitor } from './node_modules/@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitorSpec';

interface Of<Kind extends string, Spec> {
  apiVersion: 'monitoring.coreos.com/v1';
  kind: Kind;
  metadata: object;
  spec: Spec;
}

export type Operator = Of<'ServiceMonitor', Monitor> | Of<'PrometheusRule', Rules>;
