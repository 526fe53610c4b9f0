import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, encodeModel, moduleKey, Tape, type Model, type OpOptions, type Value } from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../../tensor/index.ts';
import { injectLora } from './inject-lora.ts';
import { injectStackedLora } from './inject-stacked-lora.ts';
import { listModules } from '../targets/list-modules.ts';
import { removeLora } from './remove-lora.ts';
import { randomTensor } from '../testing/small-model.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

async function outputOf(model: Model, feeds: Record<string, TensorData>): Promise<number[]> {
  using session = await environment.createSession(encodeModel(model));
  const [output] = Object.values(await runOnce(session, feeds));
  return output ? [...toFloat32(output)] : [];
}

function worst(actual: readonly number[], expected: readonly number[]): number {
  return actual.length === expected.length && expected.length > 0
    ? Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] ?? NaN))))
    : NaN;
}

interface ConvCase {
  readonly name: string;
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly rank: number;
  readonly attributes: NonNullable<OpOptions['attributes']>;
}

const convCases: readonly ConvCase[] = [
  { name: 'one axis', x: [2, 3, 9], weight: [4, 3, 3], rank: 2, attributes: { pads: [1, 1] } },
  {
    name: 'strides and pads',
    x: [2, 3, 7, 6],
    weight: [4, 3, 3, 2],
    rank: 2,
    attributes: { strides: [2, 1], pads: [1, 0, 1, 1] },
  },
  { name: 'dilations', x: [1, 2, 8, 8], weight: [3, 2, 3, 3], rank: 3, attributes: { dilations: [2, 1] } },
  { name: 'automatic pads', x: [1, 2, 5, 5], weight: [3, 2, 3, 3], rank: 1, attributes: { auto_pad: 'SAME_UPPER' } },
  { name: 'groups', x: [2, 4, 5, 5], weight: [6, 2, 3, 3], rank: 4, attributes: { group: 2, kernel_shape: [3, 3] } },
];

function convModel({ x, weight, attributes }: ConvCase): Model {
  const model = createModel();
  const tape = new Tape(model, { scope: 'net', metadata: { [moduleKey]: 'net.conv' } });
  const inputs = [model.graph.addInput('x', 'float32', x), tape.constant(randomTensor(weight, 'w'), 'weight')];
  model.graph.addOutput(
    tape.op('Conv', [...inputs, tape.constant(randomTensor(weight.slice(0, 1), 'bias'))], { attributes }),
  );
  return model;
}

/** The kernel that an adapter amounts to, over all channels: Σ_r B[o, r]·A[r, ...], r within the group of o. */
function kernelOf({ weight, rank, attributes }: ConvCase, a: TensorData, b: TensorData): TensorData {
  const groups = Number(attributes['group'] ?? 1);
  const [out = 0] = weight;
  const [A, B] = [toFloat32(a), toFloat32(b)];
  const [perGroup, size] = [rank / groups, A.length / rank];
  const values = Array.from({ length: out * size }, (_, i) => {
    const o = Math.floor(i / size);
    const first = Math.floor(o / (out / groups)) * perGroup;
    return Array.from(
      { length: perGroup },
      (__, r) => (B[o * perGroup + r] ?? NaN) * (A[(first + r) * size + (i % size)] ?? NaN),
    ).reduce((sum, value) => sum + value);
  });
  return tensorOf('float32', [out, ...a.shape.slice(1)], values);
}

describe.each(convCases)('an adapter on a convolution with $name', (one) => {
  const { x: shape, rank, attributes } = one;
  const groups = Number(attributes['group'] ?? 1);
  const [out = 0, perGroup = 0, ...kernel] = one.weight;
  const a = randomTensor([rank, perGroup * groups, ...kernel], 'A');
  const b = randomTensor([out, rank / groups, ...kernel.map(() => 1)], 'B');
  const x = randomTensor(shape, 'x');

  it('convolves with scaling·B·A besides', async () => {
    const { group: _, ...window } = attributes;
    const beside = createModel();
    const tape = new Tape(beside);
    const inputs = [beside.graph.addInput('x', 'float32', shape), tape.constant(kernelOf(one, a, b))];
    beside.graph.addOutput(tape.op('Conv', inputs, { attributes: window }));
    const update = await outputOf(beside, { x });
    const base = await outputOf(convModel(one), { x });
    const model = convModel(one);
    injectLora(model, { modules: [{ path: 'net.conv', rank, scaling: 0.5 }] });
    const changed = await outputOf(model, { x, 'net.conv.lora_A': a, 'net.conv.lora_B': b });
    expect(
      worst(
        changed,
        base.map((value, i) => value + 0.5 * (update[i] ?? NaN)),
      ),
    ).toBeLessThan(1e-4);
  });

  it('goes and leaves the very bytes', () => {
    const model = convModel(one);
    const before = encodeModel(model);
    injectLora(model, { modules: [{ path: 'net.conv', rank, scaling: 1, dropout: 0.1 }] });
    removeLora(model);
    expect(encodeModel(model)).toEqual(before);
  });

  it('is listed with its kernel and groups', () => {
    expect(listModules(convModel(one))).toEqual([
      { path: 'net.conv', kind: 'conv', in: perGroup * groups, out, kernel, groups },
    ]);
  });
});

describe('a convolution', () => {
  it('refuses a rank that its groups cannot share', () => {
    const model = convModel(convCases[4] ?? { name: '', x: [], weight: [], rank: 1, attributes: {} });
    const modules = [{ path: 'net.conv', rank: 3, scaling: 1 }];
    expect(() => injectLora(model, { modules })).toThrow(
      'net.conv has 2 groups, which rank 3 cannot be shared between',
    );
  });

  it('is refused in a stack by name', () => {
    const model = convModel(convCases[0] ?? { name: '', x: [], weight: [], rank: 1, attributes: {} });
    expect(() => injectStackedLora(model, ['net.conv'])).toThrow('net.conv is a convolution');
  });
});

const [vocab, width, rank] = [7, 4, 2];

interface TableCase {
  readonly name: string;
  readonly ids: TensorData;
  record(tape: Tape, ids: Value): Value;
}

const ids = tensorOf('int64', [2, 3], [0, 6, 3, 3, 1, 5]);
const flatIds = tensorOf('int32', [4], [6, 0, 2, 2]);
const table = randomTensor([vocab, width], 'table');
const half = tensorOf('float16', [vocab, width], [...toFloat32(table)]);

const tableCases: readonly TableCase[] = [
  {
    name: 'Gather of ids in a list',
    ids: flatIds,
    record: (tape, x) => tape.op('Gather', [tape.constant(table, 'weight'), x]),
  },
  { name: 'Gather of ids in rows', ids, record: (tape, x) => tape.op('Gather', [tape.constant(table, 'weight'), x]) },
  {
    name: 'Gather and Cast of a table in half precision',
    ids,
    record: (tape, x) =>
      tape.op('Cast', [tape.op('Gather', [tape.constant(half, 'weight'), x])], { attributes: { to: 1 } }),
  },
  {
    name: 'GatherBlockQuantized',
    ids,
    record: (tape, x) => {
      const codes = tensorOf(
        'uint8',
        [vocab, 32],
        Int32Array.from({ length: vocab * 32 }, (_, i) => (i * 41) % 256),
      );
      const scales = tensorOf(
        'float32',
        [vocab, 2],
        Float32Array.from({ length: vocab * 2 }, (_, i) => (i + 1) / 64),
      );
      return tape.op('GatherBlockQuantized', [tape.constant(codes, 'weight'), x, tape.constant(scales, 'scales')], {
        domain: 'com.microsoft',
        attributes: { bits: 8, block_size: 16, gather_axis: 0, quantize_axis: 1 },
        dtype: 'float32',
        shape: [2, 3, 32],
      });
    },
  },
];

function tableModel({ ids: { dtype, shape }, record }: TableCase): Model {
  const model = createModel();
  const tape = new Tape(model, { scope: 'net', metadata: { [moduleKey]: 'net.table' } });
  const y = record(tape, model.graph.addInput('ids', dtype, shape));
  model.graph.addOutput(new Tape(model).op('Neg', [y]));
  return model;
}

describe.each(tableCases)('an adapter on an embedding: $name', (one) => {
  const columns = one.name === 'GatherBlockQuantized' ? 32 : width;
  const a = randomTensor([rank, vocab], 'A');
  const b = randomTensor([columns, rank], 'B');
  const tokens = [...new Int32Array(one.ids.dtype === 'int64' ? toInts(one.ids) : toInts32(one.ids))];
  const update = tokens.flatMap((id) =>
    Array.from({ length: columns }, (_, o) => {
      const [A, B] = [toFloat32(a), toFloat32(b)];
      return [0, 1].reduce((sum, r) => sum + 0.5 * (A[r * vocab + id] ?? NaN) * (B[o * rank + r] ?? NaN), 0);
    }),
  );

  it("adds scaling·B·A's columns", async () => {
    const base = await outputOf(tableModel(one), { ids: one.ids });
    const expected = base.map((value, i) => value - (update[i] ?? NaN));
    const single = tableModel(one);
    injectLora(single, { modules: [{ path: 'net.table', rank, scaling: 0.5, dropout: 0.5 }] });
    const drop = {
      lora_dropout_ratio: tensorOf('float32', [], [0.5]),
      lora_dropout_keys: tensorOf('int32', [2, 1], [1, 1]),
    };
    const feeds = { ids: one.ids, 'net.table.lora_A': a, 'net.table.lora_B': b, ...drop };
    expect(worst(await outputOf(single, feeds), expected)).toBeLessThan(1e-5);
    const stacked = tableModel(one);
    injectStackedLora(stacked, ['net.table']);
    const rows = Array.from(
      { length: rank * columns },
      (_, i) => 0.5 * (toFloat32(b)[(i % columns) * rank + Math.floor(i / columns)] ?? NaN),
    );
    const mask = tensorOf('float32', [1, rank], [1, 1]);
    const stack = {
      'net.table.lora_A': a,
      'net.table.lora_B': tensorOf('float32', [rank, columns], rows),
      lora_mask: mask,
    };
    expect(worst(await outputOf(stacked, { ids: one.ids, ...stack }), expected)).toBeLessThan(1e-5);
  });

  it('goes and leaves the very bytes', () => {
    const model = tableModel(one);
    const before = encodeModel(model);
    injectLora(model, { modules: [{ path: 'net.table', rank, scaling: 1 }] });
    expect(encodeModel(model)).not.toEqual(before);
    removeLora(model);
    expect(encodeModel(model)).toEqual(before);
  });

  it('is listed with its table', () => {
    expect(listModules(tableModel(one))).toEqual([{ path: 'net.table', kind: 'embedding', in: vocab, out: columns }]);
  });
});

function toInts({ bytes }: TensorData): Int32Array {
  return Int32Array.from(new BigInt64Array(bytes.slice().buffer), Number);
}

function toInts32({ bytes }: TensorData): Int32Array {
  return new Int32Array(bytes.slice().buffer);
}
