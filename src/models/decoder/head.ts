import type { Value } from '../../ir/index.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { linear } from '../graph/linear.ts';
import { norm } from '../graph/norm.ts';
import type { DecoderConfig } from './decoder-config.ts';
import { scaled, softcapped } from './scaling.ts';

/** The last norm and the head: f32 [rows, hidden] → f32 [rows, vocab]. */
export function logits(builder: GraphBuilder, hidden: Value, config: DecoderConfig): Value {
  const tape = builder.tape('logits');
  const { lastNorm, narrowEmbedding, head, logitScale, logitSoftcap: cap } = config;
  const normed = lastNorm ? norm(builder, hidden, lastNorm) : hidden;
  const narrowed = narrowEmbedding ? linear(builder, normed, narrowEmbedding.narrow) : normed;
  const raw = scaled(tape, linear(builder, narrowed, head), logitScale / (cap ?? 1));
  return cap === undefined ? raw : softcapped(tape, raw, cap);
}
