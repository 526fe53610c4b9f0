import { chartSvg, escapeHtml, page, type Series } from '../../charts/index.ts';
import type { TrainConfig } from '../config/train-config.ts';
import type { StepMetrics } from './metrics.ts';
import type { Sample, TrainPlan, TrainResult } from './train-result.ts';

/** What is known of a training at its end. */
export interface RunFacts {
  readonly config: TrainConfig;
  readonly plan: TrainPlan | undefined;
  /** One for each step, those before a resumption too. */
  readonly steps: readonly StepMetrics[];
  /** The held-out loss, by step; 0 is before the first. */
  readonly evaluations: ReadonlyMap<number, number>;
  readonly samples: { readonly before: readonly Sample[]; readonly after: readonly Sample[] };
  readonly warnings: readonly string[];
  /** What the training came to, or why it came to nothing. */
  readonly end:
    | { readonly kind: 'result'; readonly result: TrainResult }
    | { readonly kind: 'failed'; readonly reason: string };
}

/** One page with the figures, curves, samples and settings of a training. It needs no network and no script. */
export function runPage(facts: RunFacts): string {
  const sections = [
    table('Result', resultRows(facts)),
    ...charts(facts),
    samples(facts.samples),
    warnings(facts.warnings),
    table(
      'Settings',
      Object.entries(facts.config).map(([key, value]) => [key, shown(value)]),
    ),
  ];
  return page({ title: `Training of ${facts.config.output}`, body: sections.filter((each) => each !== '').join('\n') });
}

type Rows = readonly (readonly [name: string, value: string])[];

function resultRows({ end, plan, steps }: RunFacts): Rows {
  const planned: Rows =
    plan === undefined
      ? []
      : [
          ['trained parameters', `${count(plan.trainableParameters)} of ${count(plan.baseParameters)}`],
          ['rows', count(plan.data.examples)],
          ['tokens', `${count(plan.data.tokens)}, of which ${count(plan.data.supervisedTokens)} are learned`],
        ];
  if (end.kind === 'failed') return [['failed', end.reason], ['steps', String(steps.length)], ...planned];
  const { result } = end;
  return [
    [
      'steps',
      `${result.steps}${result.interrupted ? ', interrupted' : ''}${result.stoppedEarly ? ', stopped early' : ''}`,
    ],
    ['loss', `${number(result.firstLoss)} in the first step, ${number(result.lastLoss)} in the last`],
    ...pair('held-out loss', result.evalLossBefore, result.evalLossAfter),
    ...pair('held-out accuracy', result.evalAccuracyBefore, result.evalAccuracyAfter),
    ...(result.best === undefined
      ? []
      : [['best', `${number(result.best.loss)} after step ${result.best.step}`] as const]),
    ...(result.skippedSteps === 0 ? [] : [['skipped steps', String(result.skippedSteps)] as const]),
    ['seconds', result.seconds.toFixed(1)],
    ...planned,
  ];
}

function pair(name: string, before: number | undefined, after: number | undefined): Rows {
  if (before === undefined) return [];
  return [[name, `${number(before)} before, ${after === undefined ? 'not measured' : number(after)} after`]];
}

function charts({ steps, evaluations }: RunFacts): string[] {
  const of = (
    name: string,
    value: (step: StepMetrics) => number | null | undefined,
    form: Series['form'] = 'line',
  ): Series => ({
    name,
    form,
    points: finitePoints(steps.map((each) => [each.step, value(each)])),
  });
  const loss = of('each step', (step) => step.loss, 'dots');
  const held: Series = { name: 'held out', form: 'line', points: finitePoints([...evaluations]) };
  const accuracy = of('accuracy', (step) => step.accuracy);
  const chart = (title: string, y: string, series: readonly Series[]): string[] => {
    const drawn = series.filter(({ points }) => points.length > 0);
    return drawn.length === 0 ? [] : [chartSvg({ title, x: 'step', y, series: drawn })];
  };
  return [
    ...chart('Loss', 'nats per target', [
      loss,
      { name: 'smoothed', form: 'line', points: smoothed(loss.points) },
      held,
    ]),
    ...chart('Accuracy', 'share of the rows', [accuracy]),
    ...chart('Learning rate', 'rate', [of('rate', (step) => step.learningRate)]),
    ...chart('Norm of the gradients before clipping', 'norm', [of('norm', (step) => step.gradNorm)]),
    ...chart('Speed', 'tokens a second', [of('speed', (step) => step.tokensPerSecond)]),
  ];
}

type Points = Series['points'];

/** The points that are numbers. WHY null: JSON has no NaN, so a step that was skipped has no loss in `metrics.jsonl`. */
export function finitePoints(points: readonly (readonly [number, number | null | undefined])[]): Points {
  return points.flatMap(([x, y]) => (typeof y === 'number' && Number.isFinite(y) ? [[x, y] as const] : []));
}

/** The mean over about the last tenth of the points so far, at most a hundred. */
export function smoothed(points: Points): Points {
  let mean = points[0]?.[1] ?? 0;
  const share = 1 / Math.min(100, Math.max(1, points.length / 10));
  return points.map(([x, y]) => [x, (mean += share * (y - mean))] as const);
}

function samples({ before, after }: RunFacts['samples']): string {
  if (before.length + after.length === 0) return '';
  const prompts = [...new Set([...before, ...after].map(({ prompt }) => prompt))];
  const answerIn = (list: readonly Sample[], prompt: string): string =>
    list.find((sample) => sample.prompt === prompt)?.text ?? '–';
  const rows = prompts.map((prompt) => {
    const cells = [prompt, answerIn(before, prompt), answerIn(after, prompt)];
    return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`;
  });
  const head = ['prompt', 'before', 'after'].map((name) => `<th scope="col">${name}</th>`).join('');
  return `<h2>Samples</h2>\n<table class="words"><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function warnings(messages: readonly string[]): string {
  if (messages.length === 0) return '';
  return `<h2>Warnings</h2>\n<ul>${messages.map((message) => `<li>${escapeHtml(message)}</li>`).join('')}</ul>`;
}

function table(title: string, rows: Rows): string {
  const body = rows.map(
    ([name, value]) => `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  return `<h2>${title}</h2>\n<table class="words"><tbody>${body.join('')}</tbody></table>`;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

function number(value: number): string {
  return value.toFixed(4);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
