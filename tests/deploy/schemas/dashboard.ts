// Grafana's types, combined as deploy/grafana/dashboards uses them: the options of a panel depend on its type.
// make.sh generates dashboard.json from this.
import type { Prometheus } from './node_modules/@grafana/prometheus/dist/types/dataquery';
import type * as barchart from './node_modules/@grafana/schema/dist/types/raw/composable/barchart/panelcfg/x/types.gen';
import type * as heatmap from './node_modules/@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/types.gen';
import type * as stat from './node_modules/@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import type * as timeseries from './node_modules/@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';
import type * as raw from './node_modules/@grafana/schema/dist/types/raw/dashboard/x/types.gen';

export type TimeseriesOptions = Omit<timeseries.Options, never>;
export type TimeseriesField = Omit<timeseries.FieldConfig, never>;
export type HeatmapOptions = Omit<heatmap.Options, never>;
export type HeatmapField = Omit<heatmap.FieldConfig, never>;
export type StatOptions = Omit<stat.Options, never>;
export type BarchartOptions = Omit<barchart.Options, never>;
export type BarchartField = Omit<barchart.FieldConfig, never>;
export interface NoField {}

type Known = 'refId' | 'hide' | 'expr' | 'range' | 'instant' | 'exemplar' | 'editorMode' | 'format' | 'legendFormat' | 'intervalFactor';
export interface Query extends Pick<Prometheus, Known> {
  datasource?: raw.DataSourceRef;
  interval?: string;
}

interface PanelOf<Type extends string, Options, Field> extends Omit<raw.Panel, 'type' | 'options' | 'fieldConfig' | 'targets'> {
  type: Type;
  options: Options;
  targets: Query[];
  fieldConfig: Omit<raw.FieldConfigSource, 'defaults'> & { defaults: Omit<raw.FieldConfig, 'custom'> & { custom?: Field } };
}

export type Timeseries = PanelOf<'timeseries', TimeseriesOptions, TimeseriesField>;
export type Heatmap = PanelOf<'heatmap', HeatmapOptions, HeatmapField>;
export type Stat = PanelOf<'stat', StatOptions, NoField>;
export type Barchart = PanelOf<'barchart', BarchartOptions, BarchartField>;
export interface Row extends Omit<raw.RowPanel, 'panels'> {
  panels: (Timeseries | Heatmap | Stat | Barchart)[];
}

export interface DeliveryRisk extends Omit<raw.Dashboard, 'panels'> {
  panels: (Timeseries | Heatmap | Stat | Barchart | Row)[];
}
