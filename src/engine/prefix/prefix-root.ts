import type { ModelConfig } from '../../models/index.ts';
import type { NamedAdapter } from '../adapters/sequence-adapters.ts';

/** The part of a sequence on which its keys and values depend, besides its tokens. */
export interface RootOptions {
  /** The versions that the sequence applies, with their scales. */
  readonly adapters: readonly NamedAdapter[];
  /** Number of tokens of the prompt that is run. */
  readonly promptLength: number;
  /** Sequences of different scopes share nothing, whatever their tokens. */
  readonly scope: string;
}

/**
 * Names everything besides the tokens on which keys and values depend. An adapter counts as its version, which is the hash of its
 * content, so that a replaced version shares nothing with the one before it.
 *
 * Where the rotation of heads depends on the length of the row, so do the keys. With `recomputeLength` there are two kinds of rows:
 * those up to this length and those beyond it. In other cases only prompts of the same length share keys.
 */
export function prefixRoot(
  { adapters, promptLength, scope }: RootOptions,
  { recomputeLength, lengthMatters = false }: Pick<ModelConfig, 'recomputeLength' | 'lengthMatters'>,
): string {
  const beyond = recomputeLength !== undefined && promptLength > recomputeLength;
  const length = recomputeLength === undefined && lengthMatters ? promptLength : beyond;
  return JSON.stringify([scope, length, adapters.map(({ version, scale }) => [version, scale])]);
}
