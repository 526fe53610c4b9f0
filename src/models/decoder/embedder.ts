import { z } from 'zod';

import type { Model, Value } from '../../ir/index.ts';
import type { BaseModel, EncoderGraphOptions } from '../base-model.ts';
import { pool, type Pooling } from '../encoder/pooling.ts';
import { readGivenPooling } from '../encoder/read-pooling.ts';
import { readTextPrompts } from '../encoder/text-prompts.ts';
import { GraphBuilder } from '../graph/graph-builder.ts';
import { norm } from '../graph/norm.ts';
import { paddedRows } from '../graph/row-layout.ts';
import { parseWith } from '../parse-with.ts';
import { denseAttention } from './attention-dense.ts';
import type { DecoderSource } from './graphs.ts';
import { decoderStack } from './stack.ts';

const padding = z.looseObject({ pad_token_id: z.number().int().nonnegative().nullish() });

/** A decoder whose folder says how its states become vectors. This file holds the differences from a decoder that continues text. */
export interface DecoderEmbedder {
  readonly pooling: Pooling;
  readonly about: Pick<BaseModel, 'task' | 'padTokenId' | 'prompts'>;
}

/**
 * Reads the files of sentence-transformers in the folder of a decoder; undefined if there are none.
 * @param json  the parsed config.json, not trusted
 * @throws the errors of `readPooling` and `readTextPrompts`
 */
export async function readEmbedder(dir: string, json: unknown, path: string): Promise<DecoderEmbedder | undefined> {
  const pooling = await readGivenPooling(dir);
  if (pooling === undefined) return undefined;
  const { pad_token_id: padTokenId } = parseWith(padding, json, path);
  const prompts = await readTextPrompts(dir);
  const about = { task: 'embedding', padTokenId: padTokenId ?? 0, ...(prompts && { prompts }) } as const;
  return { pooling, about };
}

/**
 * Builds the graph that computes a vector for each row from the states behind the last norm. Rows are padded on the right, so no token
 * attends to padding.
 */
export function buildDecoderEmbedding(
  { config, weights }: DecoderSource,
  pooling: Pooling,
  options: EncoderGraphOptions,
): Model {
  const { full = false, given = new Set(), exact = false, maxLength = config.maxPositions } = options;
  const builder = new GraphBuilder({ graphName: 'embed', weights, source: full ? 'inputs' : 'files', given, exact });
  const input = (name: string): Value => builder.graph.addInput(name, 'int64', ['batch', 'seq']);
  const [inputIds, attentionMask] = [input('input_ids'), input('attention_mask')];
  const rows = paddedRows(builder, inputIds);
  const attention = denseAttention(builder, { config, rows, maxLength });
  const states = decoderStack({ builder, config, attention }, { inputIds });
  const normed = config.lastNorm ? norm(builder, states, config.lastNorm) : states;
  const tape = builder.tape('pooling');
  const shape = tape.op('Concat', [rows.rectangle, tape.int64s([config.hiddenSize])], { attributes: { axis: 0 } });
  const hidden = tape.op('Reshape', [normed, shape], { shape: ['batch', 'seq', config.hiddenSize] });
  const output = pool(tape, { hidden, attentionMask }, pooling);
  builder.graph.rename(output, 'embeddings');
  builder.graph.addOutput(output);
  return builder.model;
}
