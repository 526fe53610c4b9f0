import type { Value } from '../../ir/index.ts';
import { embedding } from '../graph/embedding.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { linear } from '../graph/linear.ts';
import { feedForward } from '../graph/mixture.ts';
import { norm, type NormLayer } from '../graph/norm.ts';
import type { AttentionLayer, DecoderBlock, DecoderConfig } from './decoder-config.ts';
import { scaled } from './scaling.ts';

/** The attention of a graph. It differs between graphs of whole rows and graphs that continue rows. */
export interface Attention {
  /** The attention of one block before its output layer, with the heads side by side: f32 [tokens, hidden] → [tokens, heads·headDim]. */
  attend(x: Value, layer: AttentionLayer, index: number): Value;
  /** i64 [tokens]: the position of each token in its row. */
  positions(): Value;
}

interface Stack {
  readonly builder: GraphBuilder;
  readonly config: DecoderConfig;
  readonly attention: Attention;
}

export interface StackInputs {
  /** i64 [batch, seq] or [tokens] */
  readonly inputIds: Value;
  /** i64 [rows], the indices of the tokens whose hidden states are needed. Default: all tokens. */
  readonly rows?: Value;
}

/**
 * Computes the hidden states before the last norm from token ids.
 *
 * WHY the rows are selected here: after the attention of the last block no token depends on another, so the tokens that are not needed
 * are not computed.
 *
 * @returns f32 [tokens, hidden], or [rows, hidden]
 */
export function decoderStack(stack: Stack, { inputIds, rows }: StackInputs): Value {
  const { blocks } = stack.config;
  return blocks.reduce(
    (hidden, block, index) =>
      blockOf(stack, hidden, { block, index, rows: index === blocks.length - 1 ? rows : undefined }),
    embedded(stack, inputIds),
  );
}

function embedded({ builder, config, attention }: Stack, inputIds: Value): Value {
  const { embedding: path, embeddingScale, learnedPositions, narrowEmbedding } = config;
  const tape = builder.tape(path);
  const flat = tape.op('Reshape', [inputIds, tape.int64s([-1])]);
  const stored = scaled(tape, embedding(builder, flat, path), embeddingScale);
  const tokens = narrowEmbedding ? linear(builder, stored, narrowEmbedding.widen) : stored;
  if (learnedPositions === undefined) return tokens;
  const { path: table, offset = 0 } = learnedPositions;
  const positions = attention.positions();
  const rows = offset === 0 ? positions : tape.op('Add', [positions, tape.int64(offset)]);
  return tape.op('Add', [tokens, embedding(builder, rows, table)]);
}

interface BlockAt {
  readonly block: DecoderBlock;
  readonly index: number;
  /** i64 [rows]: the tokens that the rest of the network computes */
  readonly rows: Value | undefined;
}

function blockOf({ builder, config, attention }: Stack, hidden: Value, { block, index, rows }: BlockAt): Value {
  const tape = builder.tape(block.path);
  const normed = (x: Value, layer: NormLayer | undefined): Value => (layer ? norm(builder, x, layer) : x);
  const added = (to: Value, branch: Value): Value => tape.op('Add', [to, scaled(tape, branch, config.residualScale)]);
  const kept = (x: Value): Value => (rows ? tape.op('Gather', [x, rows]) : x);
  const input = normed(hidden, block.attentionNorm);
  const mixed = kept(attention.attend(input, block.attention, index));
  const attended = normed(linear(builder, mixed, block.attention.output), block.attentionOutputNorm);
  const between = normed(added(kept(hidden), attended), block.sumNorms?.attention);
  const mlpInput = (): Value => {
    if (block.parallel !== true) return normed(between, block.mlpNorm);
    return block.mlpNorm ? normed(kept(hidden), block.mlpNorm) : kept(input);
  };
  const sum = added(between, normed(feedForward(builder, mlpInput(), block.mlp), block.mlpOutputNorm));
  return normed(sum, block.sumNorms?.mlp);
}
