import { definedOnly } from '../core/index.ts';
import { planManyConfigured, type RunEvent, trainManyConfigured } from '../library/index.ts';
import type { RunEnd, RunsForecast, RunsSettings } from '../train/index.ts';
import { exitCodes, type CommandContext } from './command.ts';
import { describeMemory } from './describe-forecast.ts';
import { describePlan } from './describe-training.ts';
import { inColumns } from './in-columns.ts';
import type { Output } from './output.ts';
import { describeError } from './report-error.ts';

export interface TrainRunsOptions {
  readonly logSteps: number;
  readonly jsonEvents: boolean;
  readonly dryRun: boolean;
  readonly maxPassTokens: number | undefined;
}

/** Trains the runs of a settings file together, and tells each by its name. @returns the exit code */
export async function trainRuns(
  settings: RunsSettings,
  { dryRun, maxPassTokens, ...options }: TrainRunsOptions,
  context: CommandContext,
): Promise<number> {
  const { output, threads, spinUs, provider, deviceMemory, signal } = context;
  const run = { threads, spinUs, provider, signal, ...definedOnly({ maxPassTokens, deviceMemory }) };
  if (dryRun) {
    const forecast = await planManyConfigured(settings, run);
    output.answer(forecast, () => describeRunsForecast(forecast));
    return exitCodes.success;
  }
  const onEvent = options.jsonEvents
    ? (event: RunEvent) => output.event(event)
    : (event: RunEvent) => told(event, output, options);
  const ends = await trainManyConfigured(settings, { ...run, onEvent });
  const answer = ends.map(({ name, ...end }) =>
    end.kind === 'result' ? { name, ...end } : { name, kind: end.kind, error: describeError(end.error) },
  );
  if (options.jsonEvents) output.event({ kind: 'finished', runs: answer });
  else output.answer(answer, () => describeEnds(ends));
  const hasFailed = ends.some(({ kind }) => kind === 'failed');
  return signal.aborted ? exitCodes.interrupted : hasFailed ? exitCodes.failure : exitCodes.success;
}

/** A line for a person, behind the name of the run. */
function told({ run, ...event }: RunEvent, output: Output, { logSteps }: Pick<TrainRunsOptions, 'logSteps'>): void {
  const note = (text: string): void => output.note(text.replaceAll(/^/gm, `${run}: `));
  if (event.kind === 'planned') note(describePlan(event.plan));
  if (event.kind === 'warned') note(event.message);
  if (event.kind === 'resumed') note(`goes on after step ${event.step}, from ${event.checkpoint}`);
  if (event.kind === 'evaluated' && logSteps > 0) note(`step ${event.step}: held-out loss ${event.loss.toFixed(4)}`);
  if (event.kind === 'sampled') note(`${event.when.padEnd(10)} ${event.prompt} → ${event.text}`);
  if (event.kind !== 'stepped' || logSteps === 0) return;
  const { step, loss, tokensPerSecond } = event.metrics;
  if (step % logSteps !== 0 && step !== 1 && step !== event.steps) return;
  note(`step ${step} of ${event.steps}: loss ${loss.toFixed(4)}, ${tokensPerSecond.toFixed(1)} tokens/s`);
}

/** A table of what each run came to. */
export function describeEnds(ends: readonly RunEnd[]): string {
  const loss = (value: number | undefined): string => value?.toFixed(4) ?? '-';
  const rows = ends.flatMap((end) => {
    if (end.kind === 'failed') return [];
    const { result } = end;
    const how = result.interrupted ? ', interrupted' : result.stoppedEarly ? ', stopped early' : '';
    const held = [loss(result.evalLossBefore), loss(result.evalLossAfter)];
    return [[end.name, `${result.steps}${how}`, loss(result.firstLoss), loss(result.lastLoss), ...held, result.output]];
  });
  const failed = ends.flatMap((end) =>
    end.kind === 'failed' ? [`${end.name} failed: ${describeError(end.error).message}`] : [],
  );
  const head = ['RUN', 'STEPS', 'FIRST LOSS', 'LAST LOSS', 'HELD OUT BEFORE', 'AFTER', 'WRITTEN TO'];
  return [...(rows.length > 0 ? [inColumns([head, ...rows])] : []), ...failed].join('\n');
}

function describeRunsForecast({ runs, tokens, largestBatch, memory }: RunsForecast): string {
  return [
    ...runs.map(({ name, plan }) => describePlan(plan).replaceAll(/^/gm, `${name}: `)),
    describeMemory({ tokens, largestBatch, memory }),
  ].join('\n');
}
