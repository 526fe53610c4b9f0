import { createHash } from 'node:crypto';

/**
 * A place in [0, 1) that depends on the words alone, and looks random over them. A request belongs to a share if its place is below it.
 * So a larger share keeps every key that a smaller one had, and two roll-outs take different keys.
 */
export function placeOf(rollout: string, purpose: 'answer' | 'mirror', key: string | number): number {
  // WHY the kinds are told apart: the first request without a key must not share the fate of the key "1".
  const words = JSON.stringify([rollout, purpose, key]);
  return createHash('sha256').update(words).digest().readUIntBE(0, 6) / 2 ** 48;
}
