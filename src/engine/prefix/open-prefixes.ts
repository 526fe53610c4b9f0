import { EspalierError } from '../../core/index.ts';
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

/**
 * @returns undefined if nothing is to be kept, if not even one block fits, or if the runner keeps no keys and values
 * @throws EspalierError OPTION_INVALID if prompts are to be kept and the runner's place for keys and values does not allow it
 */
export function openPrefixes(
  { positions, noPositions }: SlotStore,
  { config, slots, maxLength, bytes }: PrefixOptions,
): SequencePrefixes | undefined {
  if (noPositions !== undefined && bytes !== undefined && bytes > 0) {
    throw new EspalierError('OPTION_INVALID', { name: 'prefixCache', expected: `0: ${noPositions}`, actual: bytes });
  }
  if (positions === undefined) return undefined;
  const { bytesPerPosition } = positions;
  const budget = bytes ?? Math.ceil(slots / defaultShare) * maxLength * bytesPerPosition;
  if (budget < bytesPerPosition * blockTokens) return undefined;
  return new SequencePrefixes(new PrefixCache(positions, { bytes: budget, blockTokens }), config);
}
