import type { ModelConfig } from '../../models/index.ts';
import type { SlotStore } from '../runner/slot-store.ts';
import { defaultBlockTokens as blockTokens, PrefixCache } from './prefix-cache.ts';
import { SequencePrefixes } from './sequence-prefixes.ts';

export interface PrefixOptions {
  readonly config: Pick<ModelConfig, 'recomputeLength' | 'lengthMatters'>;
  readonly slots: number;
  readonly maxLength: number;
  /** The most that kept prompts may take; 0 keeps none. */
  readonly bytes: number | undefined;
}

/** By default kept prompts may take this fraction (1/8) of what the slots take when all are full: as much as two slots of sixteen. */
const defaultShare = 8;

/** @returns undefined if nothing is to be kept, if not even one block fits, or if the runner keeps no keys and values */
export function openPrefixes(
  { positions }: SlotStore,
  { config, slots, maxLength, bytes }: PrefixOptions,
): SequencePrefixes | undefined {
  if (positions === undefined) return undefined;
  const { bytesPerPosition } = positions;
  const budget = bytes ?? Math.ceil(slots / defaultShare) * maxLength * bytesPerPosition;
  if (budget < bytesPerPosition * blockTokens) return undefined;
  return new SequencePrefixes(new PrefixCache(positions, { bytes: budget, blockTokens }), config);
}
