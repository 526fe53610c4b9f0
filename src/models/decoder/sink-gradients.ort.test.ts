import { expect, it } from 'vitest';
import { openEnvironment } from '../../onnxruntime/index.ts';
import {
  centralDifferences,
  farthestFrom,
  gradientsOf,
  numbers,
  type Numbers,
} from '../testing/central-differences.ts';
import type { WeightRef } from '../weight-ref.ts';
import { GraphBuilder } from '../graph/graph-builder.ts';
import { paddedRows } from '../graph/row-layout.ts';
import { denseAttention } from './attention-dense.ts';
import { gptOss } from './families/gpt-oss.ts';

const config = gptOss.parse(
  {
    hidden_size: 6,
    head_dim: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    num_hidden_layers: 1,
    num_local_experts: 2,
    num_experts_per_tok: 1,
    sliding_window: 3,
    attention_bias: false,
  },
  'config.json',
);
const [batch, seq, heads, groups] = [2, 5, 4, 2];

it('attention with sinks has the gradients of central differences in f64, sinks included', async () => {
  const [block] = config.blocks;
  if (block?.attention?.projections.kind !== 'separate') throw new TypeError('the queries of gpt-oss have a matrix');
  const { rope: _, ...attention } = block.attention;
  const { query, key, value } = block.attention.projections;
  const sinks = attention.sinks ?? '';
  const feeds = new Map<string, Numbers>([
    ...[query, key, value].map((layer, seed): [string, Numbers] => [
      `${layer.path}.weight`,
      numbers([layer.out, layer.in], { seed, size: 1 }),
    ]),
    [sinks, numbers([heads], { seed: 9, size: 1 })],
    ['x', numbers([batch * seq, 6], { seed: 10, size: 1 })],
    ['pull', numbers([batch * seq, 8], { seed: 11, size: 1 })],
  ]);
  const place = { location: '', offset: 0, length: 0, dtype: 'float32' } as const;
  const weights = new Map(
    [...feeds].map(([name, { shape }]): [string, WeightRef] => [name, { name, shape, ...place }]),
  );
  const builder = new GraphBuilder({ graphName: 'sinks', weights, source: 'inputs' });
  const ids = builder
    .tape('rows')
    .op('ConstantOfShape', [builder.tape('rows').int64s([batch, seq])], { shape: [batch, seq] });
  const dense = denseAttention(builder, { config, rows: paddedRows(builder, ids), maxLength: seq });
  const tape = builder.tape('loss');
  const x = builder.graph.addInput('x', 'float32', [batch * seq, 6]);
  const pull = builder.graph.addInput('pull', 'float32', [batch * seq, 8]);
  const loss = tape.op('ReduceSum', [tape.op('Mul', [dense.attend(x, attention, 0), pull])], {
    attributes: { keepdims: 0 },
  });
  builder.graph.addOutput(loss);
  const names = [...feeds.keys()].filter((name) => name !== 'pull');
  using environment = openEnvironment({ threads: 1 });
  const found = await gradientsOf({ environment, model: builder.model, loss, feeds }, names);
  const of = (name: string): Float64Array => feeds.get(name)?.values ?? new Float64Array();
  const pulled = (): number => {
    const at = { query: `${query.path}.weight`, key: `${key.path}.weight`, value: `${value.path}.weight`, sinks };
    return reference(of, at);
  };
  expect(found.loss).toBeCloseTo(pulled(), 4);
  for (const name of names) {
    const expected = centralDifferences(pulled, { shape: [], values: of(name) });
    expect([name, farthestFrom(expected, found.gradients.get(name)) < 2e-5]).toEqual([name, true]);
  }
});

type Names = Record<'query' | 'key' | 'value' | 'sinks', string>;

/** Σ pull ∘ attention(x), query by query in f64. */
function reference(of: (name: string) => Float64Array, names: Names): number {
  const times = (name: string, row: number, head: number): [number, number] => {
    const at = (o: number): number => {
      let sum = 0;
      for (let i = 0; i < 6; i++) sum += (of('x')[row * 6 + i] ?? NaN) * (of(name)[o * 6 + i] ?? NaN);
      return sum;
    };
    return [at(2 * head), at(2 * head + 1)];
  };
  let total = 0;
  for (let row = 0; row < batch * seq; row++) {
    const first = Math.max(row - (row % seq), row - 2); // the window is of 3
    for (let head = 0; head < heads; head++) {
      const group = Math.floor(head / (heads / groups));
      const q = times(names.query, row, head);
      let [sum, y0, y1] = [Math.exp(of(names.sinks)[head] ?? NaN), 0, 0];
      for (let other = first; other <= row; other++) {
        const [k, v] = [times(names.key, other, group), times(names.value, other, group)];
        const weight = Math.exp((q[0] * k[0] + q[1] * k[1]) / Math.SQRT2);
        sum += weight;
        y0 += weight * v[0];
        y1 += weight * v[1];
      }
      const [p0, p1] = [of('pull')[row * 8 + 2 * head] ?? NaN, of('pull')[row * 8 + 2 * head + 1] ?? NaN];
      total += (p0 * y0 + p1 * y1) / sum;
    }
  }
  return total;
}
