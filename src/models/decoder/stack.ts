import { finishNow, type Steps } from '../../core/index.ts';
import type { Value } from '../../ir/index.ts';
import { embedding } from '../graph/embedding.ts';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { linear } from '../graph/linear.ts';
import { feedForward } from '../graph/mixture.ts';
import { norm, type NormLayer } from '../graph/norm.ts';
import { recur } from '../graph/recurrent/recurrent-layer.ts';
import type { StateRows } from '../graph/recurrent/state-rows.ts';
import type { AttentionLayer, DecoderBlock, DecoderConfig } from './decoder-config.ts';
import { perLayerBranch, perLayerInputs } from './per-layer.ts';
import { scaled } from './scaling.ts';

/** The attention of a graph. It differs between graphs of whole rows and graphs that continue rows. */
export interface Attention {
  /**
   * The attention of one block before its output layer, with the heads side by side: f32 [tokens, hidden] → [tokens, heads·headDim].
   * `index` counts the blocks with attention.
   */
  attend(x: Value, layer: AttentionLayer, index: number): Value;
  /** i64 [tokens]: the position of each token in its row. */
  positions(): Value;
  /** The rows for layers with a recurrent state. */
  readonly states: StateRows;
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
export function decoderStack(stack: Stack, inputs: StackInputs): Value {
  return finishNow(decoderStackSteps(stack, inputs));
}

/** As `decoderStack`, for callers that let other tasks run meanwhile. */
export function* decoderStackSteps(stack: Stack, { inputIds, rows }: StackInputs): Steps<Value> {
  const { builder, config } = stack;
  const { blocks } = config;
  const tape = builder.tape(config.embedding);
  const ids = tape.op('Reshape', [inputIds, tape.int64s([-1])]);
  const first = embedded(stack, ids);
  const further = perLayerInputs(builder, config, { ids, embedded: first });
  let [hidden, attentions] = [first, 0];
  for (const [index, block] of blocks.entries()) {
    yield;
    hidden = yield* blockOf(stack, hidden, {
      block,
      attentionIndex: attentions,
      rows: index === blocks.length - 1 ? rows : undefined,
      further: further[index],
    });
    if (block.attention) attentions++;
  }
  return hidden;
}

/** @param flat  i64 [tokens] */
function embedded({ builder, config, attention }: Stack, flat: Value): Value {
  const { embedding: path, embeddingScale, learnedPositions, narrowEmbedding } = config;
  const tape = builder.tape(path);
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
  /** The number of blocks with attention before this one. */
  readonly attentionIndex: number;
  /** i64 [rows]: the tokens that the rest of the network computes */
  readonly rows: Value | undefined;
  /** f32 [tokens, width]: the further vectors of tokens for this block */
  readonly further: Value | undefined;
}

function* blockOf(stack: Stack, hidden: Value, { block, attentionIndex, rows, further }: BlockAt): Steps<Value> {
  const { builder, config } = stack;
  const tape = builder.tape(block.path);
  const normed = (x: Value, layer: NormLayer | undefined): Value => (layer ? norm(builder, x, layer) : x);
  const added = (to: Value, branch: Value): Value => tape.op('Add', [to, scaled(tape, branch, config.residualScale)]);
  const kept = (x: Value): Value => (rows ? tape.op('Gather', [x, rows]) : x);
  const input = normed(hidden, block.attentionNorm);
  yield;
  const mixed = mixedTokens(stack, input, { block, attentionIndex, kept });
  yield;
  const sumOf = (branch: Value): Value =>
    normed(added(kept(hidden), normed(branch, block.attentionOutputNorm)), block.sumNorms?.attention);
  const between = mixed ? sumOf(mixed) : kept(hidden);
  if (block.mlp === undefined) return between;
  const mlpInput = (): Value => {
    if (block.parallel !== true) return normed(between, block.mlpNorm);
    return block.mlpNorm ? normed(kept(hidden), block.mlpNorm) : kept(input);
  };
  const sum = added(between, normed(feedForward(builder, mlpInput(), block.mlp), block.mlpOutputNorm));
  const behind = normed(sum, block.sumNorms?.mlp);
  const { perLayer: layer, outputScale } = block;
  const last = layer && further ? perLayerBranch(builder, behind, { layer, input: kept(further) }) : behind;
  return outputScale === undefined ? last : tape.op('Mul', [last, builder.weight(outputScale)]);
}

interface Mixing extends Pick<BlockAt, 'block' | 'attentionIndex'> {
  /** Selects the tokens that the rest of the network computes. */
  kept(x: Value): Value;
}

/** What attention and the recurrent layer of a block give to each token, added if it has both; undefined if it has neither. */
function mixedTokens(
  { builder, attention }: Stack,
  input: Value,
  { block, attentionIndex, kept }: Mixing,
): Value | undefined {
  const tape = builder.tape(block.path);
  const scales = block.mixerScales;
  const branches: Value[] = [];
  if (block.attention) {
    const read = scaled(tape, input, scales?.attention.input ?? 1);
    const mixed = kept(attention.attend(read, block.attention, attentionIndex));
    branches.push(scaled(tape, linear(builder, mixed, block.attention.output), scales?.attention.output ?? 1));
  }
  if (block.recurrent) {
    const read = scaled(tape, input, scales?.recurrent.input ?? 1);
    const mixed = kept(recur(builder, read, { layer: block.recurrent, rows: attention.states }));
    branches.push(scaled(tape, linear(builder, mixed, block.recurrent.output), scales?.recurrent.output ?? 1));
  }
  const [first, second] = branches;
  return first && second ? tape.op('Add', [first, second]) : first;
}
