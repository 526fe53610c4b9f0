import { chunkRecurrence, float, type Tape, type Value } from '../../../ir/index.ts';
import { tensorOf } from '../../../tensor/index.ts';
import { activate, type Activation } from '../activation.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { linear, type LinearLayer } from '../linear.ts';
import { causalConv, type ConvLayer } from './causal-conv.ts';
import { decaysOf, type ChunkGrid } from './chunk-grid.ts';
import { chunkSizes } from './chunk-dims.ts';
import { splitLast } from './split-last.ts';
import type { StateRows } from './state-rows.ts';

/** The sizes of a selective state space. `share` heads have the B and C of one group. */
export interface StateSpaceSizes {
  readonly groups: number;
  readonly share: number;
  readonly headDim: number;
  readonly stateDim: number;
}

/**
 * A Mamba 2 layer. It has three more tensors, `A_log`, `D` and `dt_bias`, [heads] each, and the weight of its norm, [heads·headDim], if it
 * has one.
 */
export interface Mamba2Layer extends StateSpaceSizes {
  readonly kind: 'mamba2';
  readonly path: string;
  /** Gives the gate, x, B and C, and a step for each head, side by side. */
  readonly input: LinearLayer;
  /** Over x, B and C side by side. */
  readonly conv: ConvLayer;
  readonly activation: Activation;
  /** The least and the largest step. */
  readonly steps: { readonly least: number; readonly most: number };
  readonly epsilon: number;
  /** The norm of the result. Default: over all channels, after the gate. `none`: it has none. */
  readonly norm?: GatedNorm | 'none';
  /** Factors of what the input layer gives. Default: 1. */
  readonly factors?: Mamba2Factors;
  readonly output: LinearLayer;
}

/** A norm over each of several groups of channels, before the gate or after it. */
export interface GatedNorm {
  readonly groups: number;
  readonly beforeGate: boolean;
}

export interface Mamba2Factors {
  readonly gate: number;
  readonly x: number;
  readonly b: number;
  readonly c: number;
  readonly step: number;
}

/**
 * A Mamba 2 layer before its output layer.
 *
 *   z, xBC, δ = input(h);   x, B, C = activation(conv(xBC));   Δ = clip(softplus(δ + dt_bias));   a = −e^A_log
 *   y = rms(ssd(x, Δ, a·Δ, B, C, D) ∘ silu(z)),  or rms(ssd(...)) ∘ silu(z),  or without the norm
 *
 * @param hidden  f32 [tokens, hidden]
 * @returns f32 [tokens, heads·headDim]
 */
export function mamba2(
  builder: GraphBuilder,
  hidden: Value,
  { layer, rows }: { readonly layer: Mamba2Layer; readonly rows: StateRows },
): Value {
  const { path, conv, groups, share, headDim, stateDim } = layer;
  const tape = builder.tape(path);
  const heads = groups * share;
  const [inner, shared] = [heads * headDim, groups * stateDim];
  const projected = multiplied(tape, linear(builder, hidden, layer.input), { layer, inner, shared });
  const [gate, xbc, offsets] = splitLast(tape, projected, [inner, conv.channels, heads]);
  const mixed = causalConv(builder, rows.enter(tape, xbc, conv.channels), { layer: conv, rows });
  const [x, b, c] = splitLast(tape, activate(tape, mixed, layer.activation), [inner, shared, shared]);
  const steps = clipped(
    tape,
    tape.op('Softplus', [tape.op('Add', [offsets, builder.weight(`${path}.dt_bias`)])]),
    layer,
  );
  const speeds = tape.op('Neg', [tape.op('Exp', [builder.weight(`${path}.A_log`)])]);
  const shape = [groups, share, stateDim, headDim];
  const state = rows.state(tape, shape);
  const grid = rows.chunks(chunkSizes.mamba2);
  const { output, end } = stateSpace(
    tape,
    {
      inputs: x,
      steps: rows.enter(tape, steps, heads),
      logarithms: rows.enter(tape, tape.op('Mul', [steps, speeds]), heads),
      writes: b,
      reads: c,
      skips: builder.weight(`${path}.D`),
      start: state.before ?? grid.zeros(shape),
    },
    { sizes: layer, grid },
  );
  state.keep(end);
  return gated(builder, tape, { layer, output: rows.leave(tape, output, inner), gate });
}

/** Multiplies the parts of what the input layer gives with their factors. */
function multiplied(
  tape: Tape,
  projected: Value,
  { layer, inner, shared }: { readonly layer: Mamba2Layer; readonly inner: number; readonly shared: number },
): Value {
  const { factors, groups, share } = layer;
  if (factors === undefined) return projected;
  const { gate, x, b, c, step } = factors;
  const parts = [
    [gate, inner],
    [x, inner],
    [b, shared],
    [c, shared],
    [step, groups * share],
  ] as const;
  const all = parts.flatMap(([factor, width]) => Array.from({ length: width }, () => factor));
  return tape.op('Mul', [projected, tape.constant(tensorOf('float32', [all.length], all))]);
}

/** The gate and the norm, in the order of the layer: f32 [tokens, heads·headDim]. */
function gated(
  builder: GraphBuilder,
  tape: Tape,
  { layer, output, gate }: { readonly layer: Mamba2Layer; readonly output: Value; readonly gate: Value },
): Value {
  const { norm = { groups: 1, beforeGate: false } } = layer;
  const open = activate(tape, gate, 'silu');
  if (norm === 'none') return tape.op('Mul', [output, open]);
  const normed = (x: Value): Value => groupNorm(builder, tape, x, { layer, groups: norm.groups });
  return norm.beforeGate ? tape.op('Mul', [normed(output), open]) : normed(tape.op('Mul', [output, open]));
}

/** Normalizes each group of channels by itself. @param x  f32 [tokens, heads·headDim] */
function groupNorm(
  builder: GraphBuilder,
  tape: Tape,
  x: Value,
  { layer, groups }: { readonly layer: Mamba2Layer; readonly groups: number },
): Value {
  const attributes = { axis: -1, epsilon: float(layer.epsilon) };
  const weight = builder.weight(`${layer.path}.norm.weight`);
  if (groups === 1) return tape.op('SimplifiedLayerNormalization', [x, weight], { attributes });
  const inner = layer.groups * layer.share * layer.headDim;
  const width = inner / groups;
  const ones = tape.constant(tensorOf('float32', [width], new Float32Array(width).fill(1)));
  const apart = tape.op('Reshape', [x, tape.int64s([-1, groups, width])], { shape: [x.shape?.[0], groups, width] });
  const normed = tape.op('SimplifiedLayerNormalization', [apart, ones], { attributes });
  const joined = tape.op('Reshape', [normed, tape.int64s([-1, inner])], { shape: [x.shape?.[0], inner] });
  return tape.op('Mul', [joined, weight]);
}

function clipped(tape: Tape, x: Value, { steps: { least, most } }: Mamba2Layer): Value {
  if (least <= 0 && most === Infinity) return x;
  const bound = (value: number): Value => tape.constant(tensorOf('float32', [], [value]));
  return tape.op('Clip', [x, bound(least), ...(most === Infinity ? [] : [bound(most)])]);
}

/** The inputs of a selective state space. */
export interface StateSpaceInputs {
  /** f32 [batch, seq, heads·headDim] */
  readonly inputs: Value;
  /** f32 [batch, seq, heads]: the step Δ of each token */
  readonly steps: Value;
  /** f32 [batch, seq, heads]: a·Δ, at most 0 */
  readonly logarithms: Value;
  /** f32 [batch, seq, groups·stateDim]: B */
  readonly writes: Value;
  /** f32 [batch, seq, groups·stateDim]: C */
  readonly reads: Value;
  /** f32 [heads]: D */
  readonly skips: Value;
  /** f32 [batch, groups, share, stateDim, headDim] */
  readonly start: Value;
}

/**
 * A selective state space with one decay for each head. Step by step, for each head:
 *
 *   S ← e^(aΔₜ)·S + Bₜ·(Δₜ·xₜ)ᵀ;   yₜ = Sᵀ·Cₜ + D·xₜ
 *
 * By chunks, with c the cumulative sums of aΔ within a chunk:
 *
 *   Y = (e^c ∘ C)·S + (C·Bᵀ ∘ e^(cᵢ − cⱼ))·(Δ ∘ X) + D·X;   S ← e^last·S + (e^(last − c) ∘ B)ᵀ·(Δ ∘ X)
 *
 * @returns f32 [batch, seq, heads·headDim], and the last state
 * @see Dao & Gu 2024, "Transformers are SSMs", section 6
 */
export function stateSpace(
  tape: Tape,
  { inputs, steps, logarithms, writes, reads, skips, start }: StateSpaceInputs,
  { sizes, grid }: { readonly sizes: StateSpaceSizes; readonly grid: ChunkGrid },
): { readonly output: Value; readonly end: Value } {
  const { groups, share, headDim, stateDim } = sizes;
  const op = (opType: string, ...values: Value[]): Value => tape.op(opType, values);
  const turned = (x: Value): Value => tape.op('Transpose', [x], { attributes: { perm: [0, 1, 2, 3, 5, 4] } });
  const x = grid.cut(tape, inputs, [groups, share], headDim);
  const b = grid.cut(tape, writes, [groups, 1], stateDim);
  const c = grid.cut(tape, reads, [groups, 1], stateDim);
  const step = op('Unsqueeze', grid.cutNumbers(tape, steps, [groups, share]), tape.int64s([-1]));
  const decays = decaysOf(tape, grid.cutNumbers(tape, logarithms, [groups, share]));
  const stepped = op('Mul', x, step);
  const { end, before } = chunkRecurrence(tape, {
    start,
    decay: decays.whole,
    added: op('MatMul', turned(op('Mul', b, decays.until)), stepped),
  });
  const old = op('MatMul', op('Mul', c, decays.since), before);
  const own = op('MatMul', op('Mul', op('MatMul', c, turned(b)), decays.pairs), stepped);
  const skipped = op('Mul', x, op('Reshape', skips, tape.int64s([groups, share, 1, 1])));
  const output = op('Add', op('Add', old, own), skipped);
  return { output: grid.join(tape, output, [groups, share], headDim), end };
}
