import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  createModel,
  decodeModel,
  definePass,
  encodeModel,
  hasOutputs,
  noNode,
  Tape,
  type Model,
  type Value,
} from '../ir/index.ts';
import { prepareGraph } from './prepare-graph.ts';

function negated(): Model {
  const model = createModel();
  const x = model.graph.addInput('x', 'float32', ['n']);
  model.graph.addOutput(new Tape(model).op('Neg', [x]));
  return model;
}

const baseDir = import.meta.dirname;

describe('prepareGraph', () => {
  it('runs the file as it was read where nothing is rewritten', async () => {
    const file = Uint8Array.of(1, 2, 3);
    const idle = definePass('idle', () => [], { requires: [hasOutputs] });
    const prepared = await prepareGraph(negated(), { passes: [idle], baseDir, file });
    const nothing = { decoded: new Map(), shared: new Map(), computed: [] };
    expect(prepared).toEqual({ bytes: file, externalDataFolder: baseDir, ...nothing });
  });

  it('names the weights that the graph reads in several types, to map their bytes once', async () => {
    const model = createModel();
    const location = basename(import.meta.filename);
    const weight = (name: string, dtype: 'uint8' | 'uint4', offset: number, length: number): Value => {
      const shape = [dtype === 'uint4' ? 2 * length : length];
      return model.graph.addInitializer(name, { kind: 'external', location, offset, length, dtype, shape });
    };
    const values = [weight('bytes', 'uint8', 8, 16), weight('pairs', 'uint4', 8, 16), weight('other', 'uint8', 8, 8)];
    for (const value of values) model.graph.addOutput(new Tape(model).op('Identity', [value]));
    const { shared } = await prepareGraph(model, { baseDir });
    expect([...shared].map(([name, { dtype }]) => [name, dtype])).toEqual([
      ['bytes', 'uint8'],
      ['pairs', 'uint4'],
    ]);
  });

  it('encodes what the passes made, whatever the file was', async () => {
    const file = encodeModel(negated());
    const twice = definePass('twice', (model) => {
      const [output] = model.graph.outputs;
      if (output === undefined) return [];
      model.graph.removeOutput(output);
      model.graph.addOutput(new Tape(model).op('Neg', [output]));
      return ['negated again'];
    });
    const { bytes } = await prepareGraph(negated(), { passes: [twice], baseDir, file });
    expect(decodeModel(bytes, { what: 'the graph' }).graph.nodes.map(({ opType }) => opType)).toEqual(['Neg', 'Neg']);
  });

  it('fails with the name of a pass that breaks its promise', async () => {
    const noNeg = noNode('no node is a Neg', ({ opType }) => opType === 'Neg');
    const liar = definePass('drop-negations', () => ['dropped Neg'], { ensures: [noNeg] });
    await expect(prepareGraph(negated(), { passes: [liar], baseDir })).rejects.toMatchObject({
      code: 'IR_PASS_BROKEN',
      details: { pass: 'drop-negations', when: 'ensures', condition: 'no node is a Neg' },
    });
  });
});
