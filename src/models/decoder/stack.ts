import type { Value } from '../../ir/index.ts';
import { embedding } from '../graph/embedding.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { mlp } from '../graph/mlp.ts';
import { norm, type NormLayer } from '../graph/norm.ts';
import type { AttentionLayer, DecoderBlock, DecoderConfig } from './decoder-config.ts';
import { scaled } from './scaling.ts';

/** How the graph at hand attends. It differs between whole rows and rows that are continued. */
export interface Attention {
  /** Attention of one block, with its linear layers: f32 [tokens, hidden] → the same. */
  attend(x: Value, layer: AttentionLayer, index: number): Value;
  /** i64 [tokens]: each token's place in its row. */
  positions(): Value;
}

interface Stack {
  readonly builder: GraphBuilder;
  readonly config: DecoderConfig;
  readonly attention: Attention;
}

/**
 * From token ids to the hidden states before the last norm.
 *
 * @param inputIds  i64 [batch, seq]
 * @returns f32 [batch*seq, hidden]
 */
export function decoderStack(stack: Stack, inputIds: Value): Value {
  return stack.config.blocks.reduce(
    (hidden, block, index) => blockOf(stack, hidden, { block, index }),
    embedded(stack, inputIds),
  );
}

function embedded({ builder, config, attention }: Stack, inputIds: Value): Value {
  const { embedding: path, embeddingScale, learnedPositions } = config;
  const tape = builder.tape(path);
  const flat = tape.op('Reshape', [inputIds, tape.int64s([-1])]);
  const tokens = scaled(tape, embedding(builder, flat, path), embeddingScale);
  if (learnedPositions === undefined) return tokens;
  return tape.op('Add', [tokens, embedding(builder, attention.positions(), learnedPositions.path)]);
}

function blockOf(
  { builder, config, attention }: Stack,
  hidden: Value,
  { block, index }: { block: DecoderBlock; index: number },
): Value {
  const tape = builder.tape(block.path);
  const normed = (x: Value, layer: NormLayer | undefined): Value => (layer ? norm(builder, x, layer) : x);
  const added = (to: Value, branch: Value): Value => tape.op('Add', [to, scaled(tape, branch, config.residualScale)]);
  const input = normed(hidden, block.attentionNorm);
  const attended = normed(attention.attend(input, block.attention, index), block.attentionOutputNorm);
  const between = added(hidden, attended);
  const mlpInput = block.parallel === true ? input : normed(between, block.mlpNorm);
  return added(between, normed(mlp(builder, mlpInput, block.mlp), block.mlpOutputNorm));
}
