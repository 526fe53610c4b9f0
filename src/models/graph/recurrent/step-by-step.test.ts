import { describe, expect, it } from 'vitest';

import { compute64, openGraph64 } from '../../../ir/testing/f64/interpreter.ts';
import { floats, wholes, type Tensor64 } from '../../../ir/testing/f64/tensor64.ts';
import { numbers } from '../../testing/central-differences.ts';
import type { WeightRef } from '../../weight-ref.ts';
import { GraphBuilder } from '../graph-builder.ts';
import type { LinearLayer } from '../linear.ts';
import { paddedRows } from '../row-layout.ts';
import { recur, recurrentWeights, stateShapes, type RecurrentLayer } from './recurrent-layer.ts';
import type { ShortConvLayer } from './short-conv.ts';
import { continuedRows, wholeRows } from './state-rows.ts';

/** Longer than a chunk of any layer. */
const [batch, seq, hidden] = [2, 70, 4];

const linear = (path: string, width: number, out: number): LinearLayer => ({ path, in: width, out, bias: false });
const conv = (channels: number): ShortConvLayer['conv'] => ({ path: 'conv', channels, taps: 3, bias: true });

const shortConv: ShortConvLayer = {
  kind: 'short-conv',
  path: 'layer',
  input: linear('input', hidden, 3 * hidden),
  conv: conv(hidden),
  output: linear('output', hidden, hidden),
};

const layers: [name: string, layer: RecurrentLayer][] = [
  ['a short convolution', shortConv],
  [
    'the gated delta rule',
    {
      kind: 'gated-delta',
      path: 'layer',
      keyHeads: 1,
      share: 2,
      keyDim: 3,
      valueDim: 2,
      projections: {
        kind: 'separate',
        qkv: linear('qkv', hidden, 10),
        z: linear('z', hidden, 4),
        b: linear('b', hidden, 2),
        a: linear('a', hidden, 2),
      },
      conv: conv(10),
      activation: 'silu',
      norm: { path: 'norm', kind: 'rms', width: 2, epsilon: 1e-6, offset: 0 },
      output: linear('output', 4, hidden),
    },
  ],
  [
    'Mamba 2',
    {
      kind: 'mamba2',
      path: 'layer',
      groups: 1,
      share: 2,
      headDim: 2,
      stateDim: 3,
      input: linear('input', hidden, 16),
      conv: conv(10),
      activation: 'silu',
      steps: { least: 0.01, most: 0.9 },
      epsilon: 1e-5,
      output: linear('output', 4, hidden),
    },
  ],
];

describe.each(layers)('%s in f64', (_, layer) => {
  it('gives for whole rows what it gives token by token, with a state', async () => {
    const inputs = inputsOf(layer);
    const whole = await wholeOf(layer, inputs);
    const width = whole.length / (batch * seq);
    const steps = await stepsOf(layer, inputs);
    expect(steps).toHaveLength(seq);
    for (const [token, step] of steps.entries()) {
      expect(step).toHaveLength(batch * width);
      for (const [i, value] of step.entries()) {
        const [row, place] = [Math.floor(i / width), i % width];
        const expected = whole[(row * seq + token) * width + place] ?? NaN;
        expect(Math.abs(value - expected)).toBeLessThan(1e-12);
      }
    }
  });
});

it('gives for a short convolution what its definition says', async () => {
  const inputs = inputsOf(shortConv);
  const at = (name: string, index: number): number => inputs.get(name)?.values[index] ?? NaN;
  /** B, C or x of a token of a row, 0 before the row. */
  const part = (place: number, row: number, token: number, channel: number): number => {
    if (token < 0) return 0;
    let sum = 0;
    for (let i = 0; i < hidden; i++) {
      sum += at('x', (row * seq + token) * hidden + i) * at('input.weight', (place * hidden + channel) * hidden + i);
    }
    return sum;
  };
  const whole = await wholeOf(shortConv, inputs);
  expect(whole).toHaveLength(batch * seq * hidden);
  for (const [index, value] of whole.entries()) {
    const [channel, token, row] = [index % hidden, Math.floor(index / hidden) % seq, Math.floor(index / hidden / seq)];
    let sum = at('conv.bias', channel);
    for (let tap = 0; tap < 3; tap++) {
      const seen = token - 2 + tap;
      sum += at('conv.weight', channel * 3 + tap) * part(0, row, seen, channel) * part(2, row, seen, channel);
    }
    expect(Math.abs(value - part(1, row, token, channel) * sum)).toBeLessThan(1e-12);
  }
});

type Inputs = ReadonlyMap<string, Tensor64>;

/** The weights of a layer, and `x` [batch · seq, hidden]. */
function inputsOf(layer: RecurrentLayer): Map<string, Tensor64> {
  const shapes = [...recurrentWeights(layer), ['x', [batch * seq, hidden]] as [string, number[]]];
  return new Map(
    shapes.map(([name, shape], seed) => [name, floats(shape, numbers(shape, { seed: seed + 1, size: 1 }).values)]),
  );
}

function builderOf(layer: RecurrentLayer): GraphBuilder {
  const place = { location: '', offset: 0, length: 0, dtype: 'float32' } as const;
  const weights = recurrentWeights(layer).map(([name, shape]): [string, WeightRef] => [
    name,
    { name, shape, ...place },
  ]);
  return new GraphBuilder({ graphName: 'layer', weights: new Map(weights), source: 'inputs' });
}

async function wholeOf(layer: RecurrentLayer, inputs: Inputs): Promise<Float64Array> {
  const builder = builderOf(layer);
  const rows = wholeRows(builder, paddedRows(builder));
  const x = builder.graph.addInput('x', 'float32', ['batch*seq', hidden]);
  const { name: wanted } = recur(builder, x, { layer, rows });
  const graph = await openGraph64(builder.model, { wanted: [wanted] });
  const ids = wholes([batch, seq], new Float64Array(batch * seq));
  return compute64(graph, new Map([...inputs, ['input_ids', ids]])).get(graph.wanted)?.values ?? new Float64Array();
}

/** What each token gives, [batch, width], with the states that the tokens before it have left. */
async function stepsOf(layer: RecurrentLayer, inputs: Inputs): Promise<Float64Array[]> {
  const builder = builderOf(layer);
  const inputIds = builder.graph.addInput('input_ids', 'int64', ['batch', 'seq']);
  const seqlens = builder.graph.addInput('seqlens_k', 'int32', ['batch']);
  const x = builder.graph.addInput('x', 'float32', ['batch*seq', hidden]);
  const output = recur(builder, x, { layer, rows: continuedRows(builder, { inputIds, seqlens }) });
  const states = stateShapes(layer).map((shape, i) => ({ name: `${i}`, shape: [batch, ...shape] }));
  const wanted = [output.name, ...states.map(({ name }) => `present_state.${name}`)];
  const graph = await openGraph64(builder.model, { wanted });
  let past = states.map(({ name, shape }): [string, Tensor64] => {
    const values = new Float64Array(shape.reduce((product, extent) => product * extent, 1));
    return [`past_state.${name}`, floats(shape, values.fill(NaN))]; // it must not matter
  });
  return Array.from({ length: seq }, (_, token) => {
    const rows = Array.from({ length: batch }, (__, row) => {
      const start = (row * seq + token) * hidden;
      return [...(inputs.get('x')?.values.subarray(start, start + hidden) ?? [])];
    });
    const given: [string, Tensor64][] = [
      ['x', floats([batch, hidden], Float64Array.from(rows.flat()))],
      ['input_ids', wholes([batch, 1], [0, 0])],
      ['seqlens_k', wholes([batch], [token, token])],
    ];
    const values = compute64(graph, new Map([...inputs, ...given, ...past]));
    past = states.map(({ name, shape }): [string, Tensor64] => {
      const present = builder.graph.value(`present_state.${name}`);
      const tensor = present && values.get(present);
      return [`past_state.${name}`, tensor ?? floats(shape, new Float64Array())];
    });
    return values.get(graph.wanted)?.values ?? new Float64Array();
  });
}
