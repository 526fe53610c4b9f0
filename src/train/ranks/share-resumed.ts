import { NativeMemory } from '../../native/index.ts';
import type { TrainingModel } from '../loop/training-model.ts';
import { resumedOf, type Resumed } from '../checkpoint/adopt-checkpoint.ts';
import { parseTrainingState } from '../checkpoint/training-state.ts';
import type { TrainingGroup } from './training-group.ts';

/**
 * Gives all ranks what rank 0 has read of an interrupted training, so that only rank 0 needs its files.
 *
 * @param resumed  read on rank 0 only; undefined if the training begins at its start
 */
export async function shareResumed(
  group: TrainingGroup,
  model: TrainingModel,
  resumed: Resumed | undefined,
): Promise<Resumed | undefined> {
  if (group.isAlone) return resumed;
  const moments = [...(resumed?.moments ?? [])].map(([name, { byteLength }]) => ({ name, byteLength }));
  const own = resumed && { state: resumed.state, metrics: resumed.metrics.toString('utf8'), moments };
  // WHY as: rank 0 has written it, and its state is checked below.
  const told = JSON.parse(await group.shareText(encode(own ?? null))) as typeof own | null;
  if (told === null || told === undefined) return undefined;
  await group.broadcast(model.parameters.flat);
  if (resumed !== undefined) {
    for (const memory of resumed.moments.values()) await broadcastMemory(group, memory);
    return resumed;
  }
  const received = new Map<string, NativeMemory>();
  try {
    for (const { name, byteLength } of told.moments) {
      const memory = NativeMemory.allocate(byteLength);
      received.set(name, memory);
      await broadcastMemory(group, memory);
    }
    const state = parseTrainingState(decode(told.state), 'the checkpoint of rank 0');
    return resumedOf(state, received, Buffer.from(told.metrics));
  } catch (error) {
    for (const memory of received.values()) memory.dispose();
    throw error;
  }
}

/** WHY in parts: a view of native memory ends at 4 GiB. */
const partBytes = 2 ** 30;

async function broadcastMemory(group: TrainingGroup, memory: NativeMemory): Promise<void> {
  for (let start = 0; start < memory.byteLength; start += partBytes) {
    await group.broadcast(memory.bytes(start, Math.min(partBytes, memory.byteLength - start)));
  }
}

/** JSON has no NaN and no infinity, which losses can be. */
const notFinite = '#number ';

function encode(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'number' && !Number.isFinite(each) ? `${notFinite}${each}` : each,
  );
}

function decode(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_, each: unknown) =>
    typeof each === 'string' && each.startsWith(notFinite) ? Number(each.slice(notFinite.length)) : each,
  ) as unknown;
}
