import type { LoadRun, LoadSummary, Times } from '../load/index.ts';

/** What a load came to, for a person. */
export function describeLoad(runs: readonly LoadRun[]): string {
  return runs.map(({ rate, summary }) => describeRun(rate, summary)).join('\n\n');
}

/** A client that is this late in the 99th percentile measures itself. */
const lateMs = 50;

function describeRun(rate: number, summary: LoadSummary): string {
  const { sent, ok, refused, failed, seconds, latenessMs } = summary;
  const rows = [
    ['first token', summary.firstTokenMs],
    ['each further token', summary.perTokenMs],
    ['between two tokens', summary.gapMs],
    ['whole answer', summary.latencyMs],
    ['refusal', summary.refusalMs],
  ] as const;
  const lines = rows.flatMap(([name, times]) => (times === undefined ? [] : [`  ${name.padEnd(20)}${told(times)}`]));
  const errors = Object.entries(summary.errors).map(([error, count]) => `  ${count} times: ${error}`);
  const late =
    latenessMs !== undefined && latenessMs.p99 > lateMs
      ? [`  Requests were sent up to ${Math.round(latenessMs.p99)} ms late (p99): this client could not keep up.`]
      : [];
  return [
    `${rate} requests a second: ${sent} sent in ${seconds.toFixed(1)} s, ${ok} answered, ${refused} refused, ${failed} failed`,
    `  ${summary.requestsPerSecond.toFixed(2)} answers, ${summary.tokensPerSecond.toFixed(1)} tokens a second`,
    ...lines,
    ...errors,
    ...late,
  ].join('\n');
}

function told({ p50, p90, p99, max }: Times): string {
  const [middle, high, higher, most] = [p50, p90, p99, max].map((value) => `${Math.round(value)} ms`);
  return `p50 ${middle}, p90 ${high}, p99 ${higher}, most ${most}`;
}
