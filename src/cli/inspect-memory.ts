import { describePlan, type DescribedPlan, type DescribeOptions } from '../batching/index.ts';
import type { Inspection } from './inspect-path.ts';

const stepNames = ['gather', 'run', 'answer'];

/**
 * Describes the buffers of a run of a served model, as data and as text for a person.
 * @throws EspalierError the errors of `describePlan`
 */
export async function inspectMemory(path: string, options: DescribeOptions): Promise<Inspection> {
  const plan = await describePlan(path, options);
  return { answer: { kind: 'memory-plan', ...plan }, text: textOf(plan) };
}

function textOf({ plan, batch, batching, buffers, bytes, source, unplanned }: DescribedPlan): string {
  const joins = batching.joins ? `up to ${batch} rows along ${batching.axis}` : `none: ${batching.why}`;
  const rows = buffers.map(({ name, dtype, shape, offset, bytes: size, first, last }) => [
    String(offset),
    String(size),
    `${stepNames[first]}-${stepNames[last]}`,
    `${name} ${dtype}[${shape.join(', ')}]`,
  ]);
  return [
    `memory plan   ${plan}: ${source}`,
    `joined        ${joins}`,
    `block         ${bytes.toLocaleString('en-US')} bytes`,
    ...table([['offset', 'bytes', 'lives', 'buffer'], ...rows]),
    ...unplanned.map((name) => `ONNX Runtime allocates the output ${name} in each run${whyOf(plan)}.`),
  ].join('\n');
}

function whyOf(plan: DescribedPlan['plan']): string {
  return plan === 'on-demand' ? '' : ': its shape cannot be known before';
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => {
    return row
      .map((cell, i) => (i < 2 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  });
}
