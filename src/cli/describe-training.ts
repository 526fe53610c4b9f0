import type { DataAccount, TrainPlan, TrainResult } from '../train/index.ts';

const templateLines = {
  base: [],
  adapter: ["template   of the adapter, and saved with it; --template base uses the base's"],
  given: ["template   the given one, and saved with the result, because it is not the base's"],
};

/** Describes a training before it starts, as text for a person. There is a line for each setting that is often wrong. */
export function describePlan(plan: TrainPlan): string {
  const { trainableParameters, baseParameters, matched, data, evalData, steps, maxLength, learningRate } = plan;
  const share = ((100 * trainableParameters) / baseParameters).toPrecision(3);
  const lines = [
    `training   ${count(trainableParameters)} of ${count(baseParameters)} parameters (${share} %)`,
    ...matched.map(({ pattern, modules }) => `target     ${pattern}: ${modules} modules`),
    ...templateLines[plan.template],
    `data       ${describeData(data)}`,
    ...describeUnknown(data),
    ...describeWithoutEnd(data),
    ...(evalData === undefined ? [] : [`held out   ${describeData(evalData)}`, ...describeUnknown(evalData)]),
    ...describeChoice(plan),
    `steps      ${steps}, rows of up to ${maxLength} tokens, learning rate ${learningRate}`,
  ];
  return lines.join('\n');
}

/** What was chosen to fit into the memory limit. */
function describeChoice({ memory }: TrainPlan): string[] {
  if (memory === undefined) return [];
  const { recompute, pack, batchSize, accumulate, predicted, limit } = memory;
  const ways = [
    recompute ? 'layers are computed again' : 'activations are kept',
    pack ? 'floats are packed' : 'floats are held once',
    `${accumulate} × ${batchSize} rows in a step`,
  ];
  const [peak, most] = [predicted, limit].map((bytes) => count(Math.round(bytes / 1e6)));
  return [`limit      ${most} MB: ${ways.join(', ')}; ${peak} MB predicted`];
}

function describeData({
  rows,
  formats,
  dropped,
  truncated,
  passedOver,
  tokens,
  supervisedTokens,
}: DataAccount): string {
  const kinds = Object.entries(formats);
  const named = kinds.map(([name, number]) => (kinds.length === 1 ? name : `${count(number)} ${name}`)).join(', ');
  const parts = [
    `${count(rows)} rows${named === '' ? '' : ` (${named})`}`,
    `${count(tokens)} tokens`,
    `${count(supervisedTokens)} in the loss`,
  ];
  if (dropped > 0) parts.push(`${count(dropped)} rows left out`);
  if (truncated > 0) parts.push(`${count(truncated)} rows cut`);
  if (passedOver > 0)
    parts.push(
      `${count(passedOver)} earlier answers not learned: the chat template rewrites them (--answers each learns them)`,
    );
  return parts.join(', ');
}

function describeWithoutEnd({ withoutEnd }: DataAccount): string[] {
  if (withoutEnd === 0) return [];
  return [
    `odd        ${count(withoutEnd)} conversations teach nothing that ends an answer: the chat template writes no such token, so answers will go on to their limit`,
  ];
}

/** A line for each field of which nothing is learned. */
export function describeUnknown({ unknownFields }: DataAccount): string[] {
  return unknownFields.map(({ field, rows, first }) => {
    const use = field.includes('[].') ? 'is given to the chat template' : 'is passed over';
    return `unknown    "${field}" of ${count(rows)} rows ${use} (first in ${first})`;
  });
}

/** Describes the result of a training as text for a person. */
export function describeResult(result: TrainResult): string {
  const { output, steps, interrupted, firstLoss, lastLoss, evalLossBefore, evalLossAfter, targetTokens } = result;
  const seconds = result.seconds.toFixed(1);
  const lines = [
    `${interrupted ? 'interrupted after' : 'trained'} ${steps} steps on ${count(targetTokens)} targets in ${seconds} s`,
    `loss       ${firstLoss.toFixed(4)} in the first step, ${lastLoss.toFixed(4)} in the last`,
  ];
  if (evalLossBefore !== undefined) {
    const after = evalLossAfter === undefined ? 'not measured' : evalLossAfter.toFixed(4);
    lines.push(`held out   ${evalLossBefore.toFixed(4)} before, ${after} after`);
  }
  if (result.evalAccuracyBefore !== undefined) {
    const after = result.evalAccuracyAfter === undefined ? 'not measured' : percent(result.evalAccuracyAfter);
    lines.push(`right      ${percent(result.evalAccuracyBefore)} of the held-out rows before, ${after} after`);
  }
  if (result.best !== undefined) {
    lines.push(`best       ${result.best.loss.toFixed(4)} after step ${result.best.step}`);
  }
  if (result.stoppedEarly) lines.push('stopped    early: the held-out loss no longer became better');
  if (result.skippedSteps > 0) lines.push(`skipped    ${result.skippedSteps} steps that were not finite`);
  return [...lines, `written to ${output}`].join('\n');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
