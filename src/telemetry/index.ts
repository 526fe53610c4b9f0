export type { AnswerEnd } from './answer-end.ts';
export type { AdapterFigures, ServerFigures } from './metrics/figures.ts';
export type { MetricDefinition, MetricTable, Sample } from './metrics/definition.ts';
export { MetricSet } from './metrics/metric-set.ts';
export { ServerMetrics, type ServerMetricsOptions } from './metrics/server-metrics.ts';
export { serverTable } from './metrics/server-table.ts';
export { type TrainingEnd, TrainingMetrics, type TrainingStep } from './metrics/training-metrics.ts';
export { trainingTable } from './metrics/training-table.ts';
export type {
  AdapterSample,
  BreakerSample,
  EndedSequence,
  EngineSample,
  FleetSample,
  JobsSample,
  MetricSources,
  RolloutSample,
  View,
} from './metrics/sources.ts';
export { openTracing } from './traces/open-tracing.ts';
export { formatTraceParent, parseTraceParent, type TraceParent } from './traces/trace-parent.ts';
export type { Operation } from './traces/request-span.ts';
export type { RequestTrace, TracedRequest, Tracing } from './traces/tracing.ts';
