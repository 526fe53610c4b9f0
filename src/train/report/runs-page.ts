import { chartSvg, escapeHtml, page, type Series } from '../../charts/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import type { StepMetrics } from './metrics.ts';
import { finitePoints, smoothed } from './run-page.ts';
import type { TrainResult } from './train-result.ts';

/** What one of several trainings came to. */
export interface RunSummary {
  readonly name: string;
  readonly config: TrainConfig;
  readonly steps: readonly StepMetrics[];
  /** The held-out loss, by step; 0 is before the first. */
  readonly evaluations: ReadonlyMap<number, number>;
  readonly end:
    | { readonly kind: 'result'; readonly result: TrainResult }
    | { readonly kind: 'failed'; readonly reason: string };
}

/** One page that compares trainings: their losses as curves, and their figures with the settings in which they differ. */
export function runsPage(runs: readonly RunSummary[]): string {
  const [loss, held] = [
    runs.map(({ name, steps }): Series => ({
      name,
      form: 'line',
      points: smoothed(finitePoints(steps.map((step) => [step.step, step.loss]))),
    })),
    runs.map(({ name, evaluations }): Series => ({ name, form: 'line', points: finitePoints([...evaluations]) })),
  ];
  const body = [table(runs), ...chart('Loss, smoothed', loss ?? []), ...chart('Held-out loss', held ?? [])];
  return page({ title: `${runs.length} trainings`, body: body.join('\n') });
}

function chart(title: string, series: readonly Series[]): string[] {
  const drawn = series.filter(({ points }) => points.length > 0);
  return drawn.length === 0 ? [] : [chartSvg({ title, x: 'step', y: 'nats per target', series: drawn })];
}

/** The settings that are not the same in all runs, apart from where a run writes. */
export function differingSettings(configs: readonly TrainConfig[]): (keyof TrainConfig)[] {
  const places: readonly string[] = ['output', 'report', 'tensorboard'];
  // WHY as: these are the keys of the settings.
  const keys = [...new Set(configs.flatMap((config) => Object.keys(config)))] as (keyof TrainConfig)[];
  const values = (key: keyof TrainConfig): Set<string> =>
    new Set(configs.map((config) => JSON.stringify(config[key]) ?? ''));
  return keys.filter((key) => !places.includes(key) && values(key).size > 1);
}

function table(runs: readonly RunSummary[]): string {
  const differing = differingSettings(runs.map(({ config }) => config));
  const head = ['run', ...differing, 'steps', 'first loss', 'last loss', 'held out before', 'after', 'best'];
  const rows = runs.map(({ name, config, end }) => [
    name,
    ...differing.map((key) => shown(config[key])),
    ...(end.kind === 'failed' ? [`failed: ${end.reason}`, '', '', '', '', ''] : figures(end.result)),
  ]);
  const cells = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === 0 ? `<th scope="row">${escapeHtml(cell)}</th>` : `<td>${escapeHtml(cell)}</td>`))
      .join('');
  return `<h2>Runs</h2>
<table><thead><tr>${head.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('')}</tr></thead>
<tbody>${rows.map((row) => `<tr>${cells(row)}</tr>`).join('')}</tbody></table>`;
}

function figures({ steps, interrupted, stoppedEarly, firstLoss, lastLoss, ...result }: TrainResult): string[] {
  return [
    `${steps}${interrupted ? ', interrupted' : ''}${stoppedEarly ? ', stopped early' : ''}`,
    number(firstLoss),
    number(lastLoss),
    number(result.evalLossBefore),
    number(result.evalLossAfter),
    number(result.best?.loss),
  ];
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '–');
}

function number(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(4);
}
