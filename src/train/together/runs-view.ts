import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeAtomically } from '../../atomic-files/index.ts';
import { messageOf } from '../../core/index.ts';
import type { NamedRun } from '../config/resolve-runs.ts';
import { parseMetrics, type StepMetrics } from '../report/metrics.ts';
import { runsPage, type RunSummary } from '../report/runs-page.ts';
import type { TrainEvent } from '../report/train-result.ts';
import type { RunEnd } from './run-end.ts';

/** Collects what several trainings tell, and writes the page that compares them. */
export class RunsView {
  readonly #heard = new Map<string, { readonly steps: StepMetrics[]; readonly evaluations: Map<number, number> }>();

  heard(run: string, event: TrainEvent): void {
    const own = this.#heard.get(run) ?? { steps: [], evaluations: new Map<number, number>() };
    this.#heard.set(run, own);
    if (event.kind === 'stepped') own.steps.push(event.metrics);
    if (event.kind === 'evaluated') own.evaluations.set(event.step, event.loss);
  }

  /** @returns why the page was not written; undefined if it was. WHY no error: the adapters are written and sound */
  async write(path: string, runs: readonly NamedRun[], ends: readonly RunEnd[]): Promise<string | undefined> {
    const summaries = await Promise.all(runs.map((run, i) => this.#summaryOf(run, ends[i])));
    try {
      await writeAtomically(path, (file) => file.writeFile(runsPage(summaries)));
      return undefined;
    } catch (error) {
      return `The report ${path} was not written: ${messageOf(error)}`;
    }
  }

  async #summaryOf({ name, config }: NamedRun, end: RunEnd | undefined): Promise<RunSummary> {
    const { steps = [], evaluations = new Map<number, number>() } = this.#heard.get(name) ?? {};
    if (end?.kind !== 'result') {
      return { name, config, steps, evaluations, end: { kind: 'failed', reason: messageOf(end?.error) } };
    }
    // WHY the file: of a training that was resumed it has the steps before that too.
    const text = await readFile(join(end.result.output, 'metrics.jsonl'), 'utf8').catch(() => undefined);
    const written = text === undefined ? steps : parseMetrics(text);
    const all = new Map([
      ...written.flatMap(({ step, evalLoss }) => (evalLoss === undefined ? [] : [[step, evalLoss] as const])),
      ...evaluations,
    ]);
    const sorted = new Map([...all].sort(([a], [b]) => a - b));
    return { name, config, steps: written, evaluations: sorted, end: { kind: 'result', result: end.result } };
  }
}
