import type { EventLoopDelay } from './event-loop-delay.ts';
import type { RolloutSeen } from './second-act.ts';
import type { SwapResult } from './swap-under-load.ts';
import type { TrainedPolicy } from './train-policies.ts';

export interface DemoReport {
  readonly policies: readonly TrainedPolicy[];
  readonly answers: readonly {
    readonly question: string;
    readonly answers: readonly { readonly model: string; readonly text: string }[];
  }[];
  readonly swap: SwapResult;
  readonly rollouts: readonly RolloutSeen[];
  readonly trainingDelay: EventLoopDelay;
  readonly servingDelay: EventLoopDelay;
  readonly serverPeakRssMb: number;
  readonly seconds: number;
}

/** Formats the report for a person. */
export function formatReport(report: DemoReport): string {
  const { swap } = report;
  const lines = [
    '',
    'The answers, side by side',
    ...report.answers.flatMap(({ question, answers }) => [
      `  ${question}`,
      ...answers.map(({ model, text }) => `    ${model.padEnd(13)} ${text}`),
    ]),
    '',
    'Held-out loss',
    ...report.policies.map(
      ({ name, lossBefore, lossAfter }) => `  ${name.padEnd(24)} ${fixed(lossBefore, 3)} → ${fixed(lossAfter, 3)}`,
    ),
    '',
    `While risk-strict was replaced ${swap.swaps} times in ${fixed(swap.seconds, 1)} s`,
    `  requests served       ${swap.requests - swap.failed} (${swap.tokens} tokens, ${fixed(swap.tokens / swap.seconds, 0)} a second)`,
    `  failed                ${swap.failed}`,
    `  mixed                 ${swap.mixed}`,
    `  swap p50 / p99        ${fixed(swap.swapMs.p50, 1)} / ${fixed(swap.swapMs.p99, 1)} ms`,
    `  event loop p50 / p99  ${fixed(report.servingDelay.p50, 2)} / ${fixed(report.servingDelay.p99, 2)} ms serving, ` +
      `${fixed(report.trainingDelay.p50, 2)} / ${fixed(report.trainingDelay.p99, 2)} ms training`,
    `  server's peak memory  ${report.serverPeakRssMb} MB`,
    ...swap.failures.slice(0, 5).map((failure) => `  ! ${failure}`),
    '',
    ...report.rollouts.flatMap(formatRollout),
    `Done in ${fixed(report.seconds, 0)} s.`,
    '',
  ];
  return lines.join('\n');
}

function formatRollout({ what, events, requests, failed, byCandidate }: RolloutSeen): string[] {
  return [
    `When ${what} of risk-strict was dropped into the store`,
    ...events.map(({ seconds, text }) => `  after ${fixed(seconds, 1).padStart(5)} s  ${text}`),
    `  meanwhile      ${requests} requests were served, ${failed} failed, the new version answered ${byCandidate}`,
    '',
  ];
}

function fixed(value: number, digits: number): string {
  return value.toFixed(digits);
}
