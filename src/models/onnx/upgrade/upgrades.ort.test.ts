import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeModel, encodeModel, verifyModel, type Model } from '../../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../../onnxruntime/index.ts';
import { tensorOf, typedArray, type TensorData } from '../../../tensor/index.ts';
import { copyGeneric } from '../generic-graph.ts';
import { feedsFor } from '../testing/run-file.ts';
import { upgrades } from './upgrades.ts';

/** The graphs by name, in base64. */
const graphs: Record<string, string> = JSON.parse(
  readFileSync(new URL('../../../../test/golden/old-opsets/operators.json', import.meta.url), 'utf8'),
);
const names = Object.keys(graphs);

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

const read = (name: string): Model => decodeModel(Buffer.from(graphs[name] ?? '', 'base64'));

async function run(model: Model, feeds: Record<string, TensorData>): Promise<Record<string, TensorData>> {
  using session = await environment.createSession(encodeModel(model));
  return runOnce(session, feeds);
}

const numbersOf = (tensor: TensorData | undefined): number[] => (tensor ? Array.from(typedArray(tensor), Number) : []);

/** Reshaping around a softmax changes the order of its sum: a last bit may differ there. */
function isFar(expected: number, actual = NaN): boolean {
  return !Object.is(expected, actual) && !(Math.abs(expected - actual) <= 1e-6);
}

describe('an upgraded graph', () => {
  it.each(names)('computes what the file computes: %s', async (name) => {
    const source = read(name);
    const { model } = copyGeneric({ model: source, path: name }, { graphName: 'copy' });
    verifyModel(model);
    expect(model.opsets.get('')).toBe(18);
    const feeds = feedsFor(source, tensorOf('int64', [0], []));
    const [expected, actual] = [await run(source, feeds), await run(model, feeds)];
    expect(Object.keys(actual)).toEqual(Object.keys(expected));
    for (const [output, tensor] of Object.entries(expected)) {
      expect(actual[output]?.shape).toEqual(tensor.shape);
      const got = numbersOf(actual[output]);
      expect(numbersOf(tensor).filter((number, i) => isFar(number, got[i]))).toEqual([]);
    }
  });

  it('is tested for every operator of the table', () => {
    const found = new Set(names.flatMap((name) => read(name).graph.nodes.map(({ opType }) => opType)));
    expect(Object.keys(upgrades).filter((name) => !found.has(name))).toEqual([]);
  });
});
