import { join } from 'node:path';
import { z } from 'zod';

import { parseWith } from './parse-with.ts';
import { readJsonIfPresent } from './read-json.ts';

/** The token ids that begin and end sequences. */
export interface GenerationConfig {
  readonly bosTokenId?: number;
  /** The tokens that end an answer. Empty when the checkpoint names none. */
  readonly eosTokenIds: readonly number[];
}

const tokenId = z.number().int().nonnegative();

const fields = z.looseObject({
  bos_token_id: tokenId.nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
});

/**
 * Reads the special tokens of a checkpoint. For each token, `generation_config.json` takes precedence over `config.json`.
 *
 * @param configJson  the parsed `config.json`, not trusted
 */
export async function readGenerationConfig(dir: string, configJson: unknown): Promise<GenerationConfig> {
  const path = join(dir, 'generation_config.json');
  const generation = parseWith(fields, (await readJsonIfPresent(path)) ?? {}, path);
  const config = parseWith(fields, configJson, join(dir, 'config.json'));
  const bos = generation.bos_token_id ?? config.bos_token_id;
  const eos = generation.eos_token_id ?? config.eos_token_id ?? [];
  return { ...(typeof bos === 'number' && { bosTokenId: bos }), eosTokenIds: typeof eos === 'number' ? [eos] : eos };
}
