// The types of the Prometheus operator, generated from its Kubernetes definitions. make.sh generates operator.json from this.
import type { IComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1PrometheusRuleSpec as Rules } from './node_modules/@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRuleSpec';
import type { IComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1ServiceMonitorSpec as Monitor } from './node_modules/@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitorSpec';

interface Of<Kind extends string, Spec> {
  apiVersion: 'monitoring.coreos.com/v1';
  kind: Kind;
  metadata: object;
  spec: Spec;
}

export type Operator = Of<'ServiceMonitor', Monitor> | Of<'PrometheusRule', Rules>;
