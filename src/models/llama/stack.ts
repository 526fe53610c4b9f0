import { type Value } from '../../ir/index.ts';
import { dataTypeNumber } from '../../tensor/index.ts';
import type { LlamaBuilder } from './llama-builder.ts';
import { mlp } from './mlp.ts';
import { rmsNorm } from './norm.ts';

/** Attention of one block, with its four linear layers: f32 [tokens, hidden] → the same. */
export type Attention = (x: Value, layer: number) => Value;

/**
 * From token ids to the hidden states before the last norm.
 *
 * @param inputIds  i64 [batch, seq]
 * @returns f32 [batch*seq, hidden]
 */
export function decoderStack(builder: LlamaBuilder, inputIds: Value, attention: Attention): Value {
  let hidden = embedding(builder, inputIds);
  for (let layer = 0; layer < builder.config.layers; layer++) {
    const path = `model.layers.${layer}`;
    const tape = builder.tape(path);
    const attended = attention(rmsNorm(builder, hidden, `${path}.input_layernorm`), layer);
    hidden = tape.op('Add', [hidden, attended]);
    const transformed = mlp(builder, rmsNorm(builder, hidden, `${path}.post_attention_layernorm`), layer);
    hidden = tape.op('Add', [hidden, transformed]);
  }
  return hidden;
}

/**
 * Rows of the embedding matrix, flat: f32 [batch*seq, hidden].
 *
 * WHY the cast comes after: a large vocabulary in half-width floats stays in its file, and only what is picked becomes f32.
 */
function embedding(builder: LlamaBuilder, inputIds: Value): Value {
  const tape = builder.tape('model.embed_tokens');
  const flat = tape.op('Reshape', [inputIds, tape.int64s([-1])]);
  const rows = tape.op('Gather', [builder.storedWeight('model.embed_tokens.weight'), flat]);
  return rows.dtype === 'float32' ? rows : tape.op('Cast', [rows], { attributes: { to: dataTypeNumber('float32') } });
}
