import type { Finding, Part, Settings } from '../finding.ts';
import { leaveAtRandom } from './disconnects.ts';

const part = 'disconnects';
/** Growth that garbage and buffers of the runtime explain. */
const flatMb = 64;

export const disconnectsPart: Part = {
  name: part,
  summary: 'clients leave their requests at random times; nothing of them may stay behind',
  run: runDisconnects,
};

async function* runDisconnects({ amount, seed, progress }: Settings): AsyncIterable<Finding> {
  const counts = await leaveAtRandom({ requests: amount(10_000), seed, progress });
  const isClean =
    counts.failed + counts.slots + counts.leases + counts.handles === 0 && counts.left > 0 && counts.stalled > 0;
  yield { part, claim: 'no slot, lease or handle stays behind', isSeen: isClean, figures: { ...counts } };
  yield { part, claim: 'memory is flat', isSeen: counts.grownMb < flatMb, figures: { grownMb: counts.grownMb } };
  const broken = await leaveAtRandom({ requests: amount(400), seed, keepsLeases: true });
  yield { part, claim: 'broken: leases that are kept are seen', isSeen: broken.leases > 0, figures: { ...broken } };
}
