import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { encodeModel, type Model } from '../../ir/index.ts';
import { liveHandles, openEnvironment, runOnce, type Environment } from '../../runtime/index.ts';
import { loadSafetensors, toFloat32, type TensorData } from '../../tensor/index.ts';
import type { BaseModel } from '../base-model.ts';
import { buildClassificationGraph, buildEmbeddingGraph } from '../graphs.ts';
import { openBaseModel } from '../open-base-model.ts';
import { maxDifference } from '../testing/golden.ts';

type Tensors = ReadonlyMap<string, TensorData>;

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

async function open(name: string): Promise<{ base: BaseModel; expected: Tensors }> {
  const folder = fileURLToPath(new URL(`../../../test/golden/${name}/`, import.meta.url));
  const { tensors } = await loadSafetensors(`${folder}expected.safetensors`);
  return { base: await openBaseModel(`${folder}model`), expected: tensors };
}

async function run(
  base: BaseModel,
  model: Model,
  feeds: Record<string, TensorData | undefined>,
): Promise<Float32Array> {
  using session = await environment.createSession(encodeModel(model), { externalDataFolder: base.dir });
  const given = Object.fromEntries(Object.entries(feeds).flatMap(([name, data]) => (data ? [[name, data]] : [])));
  const [output] = Object.values(await runOnce(session, given));
  return output === undefined ? new Float32Array() : toFloat32(output);
}

const expectedOf = (expected: Tensors, name: string): Float32Array => {
  const tensor = expected.get(name);
  if (tensor === undefined) throw new Error(`the golden case has no ${name}`);
  return toFloat32(tensor);
};

describe.each(['bert', 'bert-types', 'roberta', 'distilbert', 'llama-classifier'])('golden case %s', (name) => {
  it('has the reference logits', async () => {
    const { base, expected } = await open(name);
    const feeds = { input_ids: expected.get('input_ids'), attention_mask: expected.get('attention_mask') };
    const logits = await run(base, buildClassificationGraph(base), feeds);
    expect(maxDifference(logits, expectedOf(expected, 'base_logits'))).toBeLessThan(1e-5);
  });
});

describe.each(['bert-types', 'roberta', 'distilbert'])('golden case %s', (name) => {
  it('has the reference logits of rows that are padded on the left', async () => {
    const { base, expected } = await open(name);
    const feeds = { input_ids: expected.get('left_input_ids'), attention_mask: expected.get('left_attention_mask') };
    const logits = await run(base, buildClassificationGraph(base), feeds);
    expect(maxDifference(logits, expectedOf(expected, 'left_logits'))).toBeLessThan(1e-5);
  });

  it('has the mean of the reference states as its embeddings', async () => {
    const { base, expected } = await open(name);
    const feeds = { input_ids: expected.get('input_ids'), attention_mask: expected.get('attention_mask') };
    const embeddings = await run(base, buildEmbeddingGraph(base), feeds);
    expect(maxDifference(embeddings, expectedOf(expected, 'base_embeddings'))).toBeLessThan(1e-5);
  });
});

it('tells segments apart where they are given', async () => {
  const { base, expected } = await open('bert-types');
  const names = ['input_ids', 'attention_mask', 'token_type_ids'];
  const feeds = Object.fromEntries(names.map((name) => [name, expected.get(name)]));
  const logits = await run(base, buildClassificationGraph(base, { tokenTypes: true }), feeds);
  expect(maxDifference(logits, expectedOf(expected, 'typed_logits'))).toBeLessThan(1e-5);
  expect(maxDifference(logits, expectedOf(expected, 'base_logits'))).toBeGreaterThan(1e-2);
});

it('gives every native handle back', () => {
  environment.dispose();
  expect(liveHandles()).toEqual({});
});
