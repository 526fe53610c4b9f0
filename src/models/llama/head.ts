import type { Value } from '../../ir/index.ts';
import { linear } from './linear.ts';
import type { LlamaBuilder } from './llama-builder.ts';
import { rmsNorm } from './norm.ts';

/**
 * Logits of some positions only. The rows are taken before the last norm, so that the others cost nothing.
 *
 * @param hidden  f32 [tokens, hidden]
 * @param rows    i64 [rows], flat indices into tokens
 * @returns f32 [rows, vocab]
 */
export function logitsOfRows(builder: LlamaBuilder, hidden: Value, rows: Value): Value {
  return logits(builder, builder.tape('model').op('Gather', [hidden, rows]));
}

/** The last norm and the head: f32 [rows, hidden] → f32 [rows, vocab]. */
export function logits(builder: LlamaBuilder, hidden: Value): Value {
  const weight = builder.config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  return linear(builder, rmsNorm(builder, hidden, 'model.norm'), { path: 'lm_head', bias: false, weight });
}
