import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createModel, encodeModel, Tape, type Model, type Value } from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { dataTypeNumber, tensorOf, typedArray } from '../../tensor/index.ts';
import { openGraph } from '../open-graph.ts';
import { extractConstants } from './extract-constants.ts';

const size = 512;
const count = (size * size) / 2;

let environment: Environment;
let folder: string;
beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  const bytes = Uint8Array.from({ length: 2 * count }, (_, i) => (i * 31 + (i >> 7)) % 251);
  await writeFile(join(folder, 'codes'), bytes);
});
afterAll(async () => {
  environment.dispose();
  await rm(folder, { recursive: true });
});

/** x·W₀·W₁, whose matrices are looked up in a table by bytes of a file and scaled by row. */
function products(rows = size): Model {
  const model = createModel();
  const tape = new Tape(model);
  const table = tape.constant(
    tensorOf(
      'float32',
      [256, 2],
      Float32Array.from({ length: 512 }, (_, i) => Math.sin(i)),
    ),
  );
  const matrix = (index: number): Value => {
    const place = { location: 'codes', offset: index * count, length: (rows * size) / 2 };
    const codes = model.graph.addInitializer(`codes.${index}`, {
      kind: 'external',
      ...place,
      dtype: 'uint8',
      shape: [place.length],
    });
    const places = tape.op('Cast', [codes], { attributes: { to: dataTypeNumber('int32') } });
    const looked = tape.op('Reshape', [tape.op('Gather', [table, places]), tape.int64s([rows, size])]);
    const scales = Float32Array.from({ length: rows }, (_, row) => (row + 1) / size);
    return tape.op('Mul', [looked, tape.constant(tensorOf('float32', [rows, 1], scales))]);
  };
  const x = model.graph.addInput('x', 'float32', ['n', size]);
  const first = tape.op('Gemm', [x, matrix(0)], { attributes: { transB: 1 } });
  const both = rows === size ? tape.op('Gemm', [first, matrix(1)], { attributes: { transB: 1 } }) : first;
  model.graph.addOutput(tape.op('Identity', [both], { outputName: 'y' }));
  return model;
}

describe('constants that are computed before a session', () => {
  it('give the bits that ONNX Runtime computes when it loads the graph', async () => {
    const feeds = {
      x: tensorOf(
        'float32',
        [2, size],
        Float32Array.from({ length: 2 * size }, (_, i) => Math.cos(i)),
      ),
    };
    using plain = await environment.createSession(encodeModel(products()), { externalDataFolder: folder });
    using graph = await openGraph(products(), { environment, baseDir: folder });
    const [expected, actual] = [await runOnce(plain, feeds), await runOnce(graph.session, feeds)];
    expect(actual['y'] && typedArray(actual['y'])).toEqual(expected['y'] && typedArray(expected['y']));
  });

  it('leave their steps out of the graph, and share one graph if they differ in bytes alone', () => {
    const model = products();
    const constants = extractConstants(model);
    expect(constants.map(({ shape, inputs }) => [shape, inputs.size])).toEqual([
      [[size, size], 1],
      [[size, size], 1],
    ]);
    expect(new Set(constants.map(({ key }) => key)).size).toBe(1);
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(['Gemm', 'Gemm', 'Identity']);
  });

  it('are not taken out if they are small', () => {
    const model = products(size / 2);
    expect(extractConstants(model)).toEqual([]);
    expect(model.graph.nodes.map(({ opType }) => opType)).toContain('Gather');
  });

  it('are not taken out if one step makes them', () => {
    const model = createModel();
    const tape = new Tape(model);
    const place = { location: 'codes', offset: 0, length: 2 * count, dtype: 'float16' } as const;
    const half = model.graph.addInitializer('half', { kind: 'external', ...place, shape: [size / 2, size] });
    const whole = tape.op('Cast', [half], { attributes: { to: dataTypeNumber('float32') } });
    const x = model.graph.addInput('x', 'float32', ['n', size]);
    model.graph.addOutput(tape.op('Gemm', [x, whole], { attributes: { transB: 1 } }));
    expect(extractConstants(model)).toEqual([]);
  });
});
