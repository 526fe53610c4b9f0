import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../core/index.ts';
import { createModel, decodeModel, encodeModel, runPasses, Tape, type Model } from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { dataTypeNumber, numberToFloat16, tensorOf } from '../../tensor/index.ts';
import { exactBlocks, floatTables } from './webgpu-weights.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

function product(block: number, level: number): Model {
  const model = createModel();
  const tape = new Tape(model);
  const weight = [
    tape.constant(tensorOf('uint8', [4, 1, block], new Uint8Array(4 * block).fill(130))),
    tape.constant(tensorOf('float32', [4], [1, 2, 3, 4])),
  ];
  const attributes = { K: block, N: 4, bits: 8, block_size: block, accuracy_level: level };
  const inputs = [model.graph.addInput('x', 'float32', ['rows', block]), ...weight];
  model.graph.addOutput(tape.op('MatMulNBits', inputs, { domain: 'com.microsoft', attributes }));
  return model;
}

describe('exactBlocks', () => {
  it.each([
    { block: 32, level: 4, isChanged: true },
    { block: 64, level: 4, isChanged: true },
    { block: 128, level: 4, isChanged: false },
    { block: 32, level: 0, isChanged: false },
    { block: 32, level: 1, isChanged: false },
  ])('changes blocks of $block at level $level: $isChanged', ({ block, level, isChanged }) => {
    const model = product(block, level);
    expect(runPasses(model, [exactBlocks]).modified).toBe(isChanged);
    const [node] = model.graph.nodes;
    expect(node?.attributes.has('accuracy_level')).toBe(!isChanged);
  });
});

/** Rows of a table of f16, [5, 4], as floats; `more` reads them as they are, too. */
function lookup(more = false): Model {
  const random = createRandom(1, 'table');
  const bits = Uint16Array.from({ length: 20 }, () => numberToFloat16(random.normal()));
  const model = createModel();
  const tape = new Tape(model);
  const table = tape.constant({ dtype: 'float16', shape: [5, 4], bytes: new Uint8Array(bits.buffer) });
  const rows = tape.op('Gather', [table, model.graph.addInput('ids', 'int64', ['rows'])]);
  const floats = tape.op('Cast', [rows], { attributes: { to: dataTypeNumber('float32') }, outputName: 'y' });
  model.graph.addOutput(floats);
  if (more) model.graph.addOutput(rows);
  return model;
}

describe('floatTables', () => {
  it('gives the rows that were given before, and leaves f16 to constants', async () => {
    const bytes = encodeModel(lookup());
    const changed = decodeModel(bytes);
    expect(runPasses(changed, [floatTables]).modified).toBe(true);
    expect(changed.graph.nodes.map(({ opType, outputs: [y] }) => [opType, y?.dtype])).toEqual([
      ['Cast', 'float32'],
      ['Gather', 'float32'],
    ]);
    using before = await environment.createSession(bytes);
    using after = await environment.createSession(encodeModel(changed));
    const ids = tensorOf('int64', [3], [4, 0, 4]);
    expect(await runOnce(after, { ids })).toEqual(await runOnce(before, { ids }));
  });

  it('leaves a table alone whose rows something reads as f16', () => {
    expect(runPasses(lookup(true), [floatTables]).modified).toBe(false);
  });
});
