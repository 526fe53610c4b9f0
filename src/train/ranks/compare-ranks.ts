import { z } from 'zod';
import { EspalierError, Sha256 } from '../../core/index.ts';
import type { ParameterArena } from '../graph/parameter-arena.ts';
import type { TrainingGroup } from './training-group.ts';

/** What may differ between ranks: it changes how fast one computes, and not what. */
const mayDiffer: ReadonlySet<string> = new Set(['processor', 'threads']);

type Facts = Readonly<Record<string, string>>;
const factsSchema = z.record(z.string(), z.string());

/** Names what differs between rank 0 and the first rank that differs; undefined if none does. Pure function. */
export function differenceOf(facts: readonly Facts[]): string | undefined {
  const [first = {}, ...others] = facts;
  for (const [index, other] of others.entries()) {
    const names = [...new Set([...Object.keys(first), ...Object.keys(other)])].filter((name) => !mayDiffer.has(name));
    const differing = names.filter((name) => first[name] !== other[name]);
    if (differing.length > 0) {
      return differing.map((name) => described(name, [first[name], other[name]], index + 1)).join('; ');
    }
  }
  return undefined;
}

function described(
  name: string,
  [first = 'none', other = 'none']: readonly (string | undefined)[],
  rank: number,
): string {
  const shown = name.replace(/^setting (\w+)$/, (_, key: string) => `the setting ${key}`);
  // WHY no values of hashes: nobody can compare them with anything.
  const isHash = /^[0-9a-f]{64}$/.test(first) || /^[0-9a-f]{64}$/.test(other);
  return isHash
    ? `${shown}: the content on rank ${rank} is another than on rank 0`
    : `${shown}: ${first} on rank 0 and ${other} on rank ${rank}`;
}

/**
 * Compares what every rank has to train: base, rows, settings, initial weights, versions. All ranks learn the same.
 * @throws EspalierError TRAIN_RANKS_DIFFER
 */
export async function compareRanks(group: TrainingGroup, own: Facts): Promise<void> {
  const all = await group.collectTexts(JSON.stringify({ ...own, node: `Node ${process.versions.node}` }));
  const differences = await group.shareText(
    all && (differenceOf(all.map((text) => factsSchema.parse(JSON.parse(text)))) ?? ''),
  );
  if (differences !== '') throw new EspalierError('TRAIN_RANKS_DIFFER', { differences });
}

/**
 * Checks that all ranks have the same weights, bit for bit, as they must after every step.
 * @throws EspalierError TRAIN_RANKS_DIFFER
 */
export async function compareWeights(group: TrainingGroup, { flat }: ParameterArena, step: number): Promise<void> {
  if (group.isAlone) return;
  const hash = new Sha256();
  await hash.update(new Uint8Array(flat.buffer, flat.byteOffset, flat.byteLength));
  const all = await group.collectTexts(hash.hex());
  const differing = all?.findIndex((each) => each !== all[0]) ?? -1;
  const differences =
    differing < 0 ? '' : `after step ${step}, the weights of rank ${differing} are no longer those of rank 0`;
  const shared = await group.shareText(differences);
  if (shared !== '') throw new EspalierError('TRAIN_RANKS_DIFFER', { differences: shared });
}
