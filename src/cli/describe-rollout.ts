import type { RemoteRollout } from '../http/index.ts';

/** All roll-outs, one a line. */
export function describeRollouts(rollouts: readonly RemoteRollout[]): string {
  if (rollouts.length === 0) return 'no roll-outs';
  return rollouts.map((rollout) => `${rollout.name}  ${headOf(rollout)}`).join('\n');
}

/** One roll-out, and what was seen. */
export function describeRollout(rollout: RemoteRollout): string {
  const { name, stable, candidate, reason, candidate_calls: own, stable_calls: others, mirrored } = rollout;
  const lines = [
    `${name}  ${headOf(rollout)}`,
    ...(reason === null ? [] : [`  reason     ${reason}`]),
    `  stable     ${stable}`,
    `  candidate  ${candidate}`,
    `  calls      ${own.calls} of the candidate in this step, ${own.failures} failed`,
    `             ${others.calls} of the stable version, ${others.failures} failed`,
  ];
  if (mirrored.divergence !== null && mirrored.agreement !== null) {
    const [divergence, agreement] = [mirrored.divergence.toFixed(3), (100 * mirrored.agreement).toFixed(1)];
    lines.push(`  mirrored   ${mirrored.requests} requests: divergence ${divergence} nats, agreement ${agreement} %`);
  }
  return lines.join('\n');
}

function headOf({ phase, step, steps }: RemoteRollout): string {
  const { share = 0 } = steps[step] ?? {};
  const what = share === 0 ? 'shadow' : `${Number((100 * share).toFixed(2))} %`;
  return `${phase}, step ${step + 1} of ${steps.length} (${what})`;
}
