import { float, type Tape, type Value } from '../../../ir/index.ts';
import { tensorOf } from '../../../tensor/index.ts';
import { activate, type Activation } from '../activation.ts';
import type { GraphBuilder } from '../graph-builder.ts';
import { linear, type LinearLayer } from '../linear.ts';
import { norm, type NormLayer } from '../norm.ts';
import { causalConv, type ConvLayer } from './causal-conv.ts';
import { deltaRule, type DeltaSizes } from './delta-rule.ts';
import { chunkSizes } from './chunk-dims.ts';
import { splitLast } from './split-last.ts';
import type { StateRows } from './state-rows.ts';

/** A layer with the gated delta rule, as in Qwen3-Next and Qwen3.5. It has two more tensors: `A_log` and `dt_bias`, [value heads] each. */
export interface GatedDeltaLayer extends DeltaSizes {
  readonly kind: 'gated-delta';
  readonly path: string;
  readonly projections: DeltaProjections;
  /** Over queries, keys and values side by side. */
  readonly conv: ConvLayer;
  readonly activation: Activation;
  /** Over each value head. */
  readonly norm: NormLayer;
  readonly output: LinearLayer;
}

/**
 * The layers of queries, keys, values, of the gate z of the result, and of the numbers b and a of each value head: one layer for each of
 * [q k v], z, b and a; or two, with q, k, v and z (b and a) of each key head side by side.
 */
export type DeltaProjections =
  | {
      readonly kind: 'separate';
      readonly qkv: LinearLayer;
      readonly z: LinearLayer;
      readonly b: LinearLayer;
      readonly a: LinearLayer;
    }
  | { readonly kind: 'packed'; readonly qkvz: LinearLayer; readonly ba: LinearLayer };

/** Added to the squared length of queries and keys before they are divided by their length. */
const epsilon = 1e-6;

/**
 * A layer with the gated delta rule before its output layer.
 *
 *   q, k, v = activation(conv(qkv));  β = sigmoid(b);  g = −e^A_log · softplus(a + dt_bias)
 *   y = norm(delta(q / |q| / √keyDim, k / |k|, v, β, g)) ∘ silu(z)
 *
 * @param hidden  f32 [tokens, hidden]
 * @returns f32 [tokens, value heads · valueDim]
 */
export function gatedDelta(
  builder: GraphBuilder,
  hidden: Value,
  { layer, rows }: { readonly layer: GatedDeltaLayer; readonly rows: StateRows },
): Value {
  const { path, conv, keyHeads, share, keyDim, valueDim } = layer;
  const tape = builder.tape(path);
  const heads = keyHeads * share;
  const { qkv, z, b, a } = project(builder, hidden, layer);
  const mixed = causalConv(builder, rows.enter(tape, qkv, conv.channels), { layer: conv, rows });
  const [q, k, v] = splitLast(tape, activate(tape, mixed, layer.activation), [
    keyHeads * keyDim,
    keyHeads * keyDim,
    heads * valueDim,
  ]);
  const steps = tape.op('Softplus', [tape.op('Add', [a, builder.weight(`${path}.dt_bias`)])]);
  const speeds = tape.op('Neg', [tape.op('Exp', [builder.weight(`${path}.A_log`)])]);
  const unit = (x: Value, length: number): Value => ofLength(tape, x, { heads: keyHeads, width: keyDim, length });
  const state = rows.state(tape, [keyHeads, share, keyDim, valueDim]);
  const grid = rows.chunks(chunkSizes.gatedDelta);
  const { output, end } = deltaRule(
    tape,
    {
      queries: unit(q, 1 / Math.sqrt(keyDim)),
      keys: unit(k, 1),
      values: v,
      rates: rows.enter(tape, tape.op('Sigmoid', [b]), heads),
      logarithms: rows.enter(tape, tape.op('Mul', [steps, speeds]), heads),
      start: state.before ?? grid.zeros([keyHeads, share, keyDim, valueDim]),
    },
    { sizes: layer, grid, isDifferentiated: !rows.continues },
  );
  state.keep(end);
  const apart = (x: Value): Value => tape.op('Reshape', [x, tape.int64s([-1, heads, valueDim])]);
  const normed = norm(builder, apart(rows.leave(tape, output, heads * valueDim)), layer.norm);
  const gated = tape.op('Mul', [normed, activate(tape, apart(z), 'silu')]);
  return tape.op('Reshape', [gated, tape.int64s([-1, heads * valueDim])]);
}

interface Projected {
  /** f32 [tokens, width] each */
  readonly qkv: Value;
  readonly z: Value;
  readonly b: Value;
  readonly a: Value;
}

function project(builder: GraphBuilder, hidden: Value, layer: GatedDeltaLayer): Projected {
  const { projections, path, keyHeads, share, keyDim, valueDim } = layer;
  if (projections.kind === 'separate') {
    const { qkv, z, b, a } = projections;
    const [first, second, third, fourth] = [qkv, z, b, a].map((each) => linear(builder, hidden, each));
    if (!first || !second || !third || !fourth) throw new TypeError('there are four layers');
    return { qkv: first, z: second, b: third, a: fourth };
  }
  const tape = builder.tape(path);
  const values = share * valueDim;
  const parts = (x: Value, widths: readonly number[]): Value[] => {
    const whole = widths.reduce((sum, width) => sum + width, 0);
    const apart = tape.op('Reshape', [x, tape.int64s([-1, keyHeads, whole])]);
    return splitLast(tape, apart, widths).map((part, i) =>
      tape.op('Reshape', [part, tape.int64s([-1, keyHeads * (widths[i] ?? 0)])]),
    );
  };
  const [q, k, v, z] = parts(linear(builder, hidden, projections.qkvz), [keyDim, keyDim, values, values]);
  const [b, a] = parts(linear(builder, hidden, projections.ba), [share, share]);
  if (!q || !k || !v || !z || !b || !a) throw new TypeError('Split has as many outputs as widths');
  return { qkv: tape.op('Concat', [q, k, v], { attributes: { axis: -1 } }), z, b, a };
}

/**
 * Divides each head by its length, √(Σ x² + ε), and multiplies it. WHY a norm: it is one operator; its mean of squares is Σ x² / width.
 *
 * @param x  f32 [batch, seq, heads·width]
 */
function ofLength(
  tape: Tape,
  x: Value,
  { heads, width, length }: { readonly heads: number; readonly width: number; readonly length: number },
): Value {
  const scale = tape.constant(tensorOf('float32', [width], new Float32Array(width).fill(length / Math.sqrt(width))));
  const apart = tape.op('Reshape', [x, tape.int64s([0, 0, heads, width])], { shape: ['batch', 'seq', heads, width] });
  const normed = tape.op('SimplifiedLayerNormalization', [apart, scale], {
    attributes: { axis: -1, epsilon: float(epsilon / width) },
  });
  return tape.op('Reshape', [normed, tape.int64s([0, 0, heads * width])], { shape: ['batch', 'seq', heads * width] });
}

/** The linear layers, in the order of the computation. */
export function deltaLinears({ projections, output }: GatedDeltaLayer): LinearLayer[] {
  if (projections.kind === 'packed') return [projections.qkvz, projections.ba, output];
  const { qkv, z, b, a } = projections;
  return [qkv, z, b, a, output];
}
