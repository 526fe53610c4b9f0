import { describe, expect, it } from 'vitest';
import { tensorOf, toFloat32 } from '../tensor/index.ts';
import { runOnce } from './run-once.ts';
import { mostInUse } from './testing/most-in-use.ts';
import { testEnvironment } from './testing/test-environment.ts';
import { tinyModel, type TinyNode } from './testing/tiny-model.ts';

const environment = testEnvironment();
const [rows, columns] = [64, 256];
const [narrow, wide] = [4 * rows * columns, 4 * columns * columns];

/** The sum of four functions of a value, which are in memory at once. */
function sumOfFour(input: string, output: string): TinyNode[] {
  const types = ['Sin', 'Cos', 'Exp', 'Tanh'];
  const nodes = types.map((opType) => ({ opType, inputs: [input], outputs: [`${output}.${opType}`] }));
  return [...nodes, { opType: 'Sum', inputs: nodes.flatMap(({ outputs }) => outputs), outputs: [output] }];
}

/** Narrow results, then wide ones, then narrow ones again, as a layer, a head, and the layer once more. */
const model = tinyModel({
  inputs: [{ name: 'x', shape: [rows, columns] }],
  outputs: [{ name: 'y', shape: [rows, columns] }],
  nodes: [
    ...sumOfFour('x', 'first'),
    { opType: 'Transpose', inputs: ['first'], outputs: ['turned'] },
    { opType: 'Transpose', inputs: ['turned'], outputs: ['back'] },
    { opType: 'Sigmoid', inputs: ['turned'], outputs: ['gate'] },
    { opType: 'MatMul', inputs: ['gate', 'back'], outputs: ['square'] },
    ...sumOfFour('square', 'second'),
    { opType: 'MatMul', inputs: ['x', 'second'], outputs: ['third'] },
    ...sumOfFour('third', 'y'),
  ],
});

describe('the memory of results', () => {
  it('is free for others between two results of one shape, and the results are the same', async () => {
    const x = tensorOf(
      'float32',
      [rows, columns],
      Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i)),
    );
    const outcomes: { most: number; y: number[] }[] = [];
    for (const memoryReuse of [true, false]) {
      using session = await environment().createSession(model, { memoryReuse, memoryPattern: false });
      const { y } = await runOnce(session, { x });
      outcomes.push({ most: mostInUse(session), y: y ? [...toFloat32(y)] : [] });
    }
    const [kept, given] = outcomes;
    expect(given?.y).toEqual(kept?.y);
    expect(given?.y).toHaveLength(rows * columns);
    expect(given?.most).toBeGreaterThanOrEqual(5 * wide);
    expect((kept?.most ?? 0) - (given?.most ?? 0)).toBeGreaterThanOrEqual(2 * narrow);
  });
});
