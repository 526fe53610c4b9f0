import type { RemoteNoise, RemoteRollout } from '../http/index.ts';

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

/** What a version differs from itself by. */
export function describeNoise({ name, running, floor }: RemoteNoise): string {
  const lines: string[] = [];
  if (floor !== null) {
    const [divergence, agreement, entropy] = [floor.divergence, 100 * floor.agreement, floor.entropy];
    lines.push(
      `${name}  noise of version ${floor.version.slice(0, 12)} over ${floor.samples} requests, ${floor.time}`,
      `  divergence  at most ${divergence.toFixed(4)} nats`,
      `  agreement   at least ${agreement.toFixed(2)} %`,
      `  entropy     at most ${entropy.toFixed(4)} nats apart`,
    );
  }
  if (running !== null) {
    const { version, samples, wanted } = running;
    lines.push(`${name}  version ${version.slice(0, 12)} is being measured: ${samples} of ${wanted} requests`);
  }
  return lines.length === 0 ? `${name}  was not measured` : lines.join('\n');
}

function headOf({ phase, step, steps }: RemoteRollout): string {
  const { share = 0 } = steps[step] ?? {};
  const what = share === 0 ? 'shadow' : `${Number((100 * share).toFixed(2))} %`;
  return `${phase}, step ${step + 1} of ${steps.length} (${what})`;
}
