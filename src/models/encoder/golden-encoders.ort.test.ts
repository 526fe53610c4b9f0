import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Model } from '../../ir/index.ts';
import { liveHandles } from '../../native/index.ts';
import { runOnce, type Environment } from '../../onnxruntime/index.ts';
import {
  loadSafetensors,
  numberToBfloat16,
  numberToFloat16,
  toFloat32,
  writeSafetensors,
  type TensorData,
} from '../../tensor/index.ts';
import type { BaseModel } from '../base-model.ts';
import { buildClassificationGraph, buildEmbeddingGraph } from '../graphs.ts';
import { openBaseModel } from '../open-base-model.ts';
import { withTempDir } from '../testing/fixtures.ts';
import {
  goldenLimit,
  reported,
  goldenCasesHere,
  openGoldenEnvironment,
  openGoldenSession,
} from '../testing/golden-provider.ts';
import { maxDifference } from '../testing/golden.ts';

type Tensors = ReadonlyMap<string, TensorData>;

let environment: Environment;
beforeAll(() => {
  environment = openGoldenEnvironment();
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
  using session = await openGoldenSession(model, { environment, baseDir: base.dir });
  const given = Object.fromEntries(Object.entries(feeds).flatMap(([name, data]) => (data ? [[name, data]] : [])));
  const [output] = Object.values(await runOnce(session, given));
  return output === undefined ? new Float32Array() : toFloat32(output);
}

const expectedOf = (expected: Tensors, name: string): Float32Array => {
  const tensor = expected.get(name);
  if (tensor === undefined) throw new Error(`the golden case has no ${name}`);
  return toFloat32(tensor);
};

describe.each(goldenCasesHere(['bert', 'bert-types', 'roberta', 'distilbert', 'llama-classifier']))(
  'golden case %s',
  (name) => {
    it('has the reference logits', async () => {
      const { base, expected } = await open(name);
      const feeds = { input_ids: expected.get('input_ids'), attention_mask: expected.get('attention_mask') };
      const logits = await run(base, buildClassificationGraph(base), feeds);
      expect(reported(maxDifference(logits, expectedOf(expected, 'base_logits')), `${name}: logits`)).toBeLessThan(
        goldenLimit(1e-5),
      );
    });
  },
);

describe.each(goldenCasesHere(['bert-types', 'roberta', 'distilbert']))('golden case %s', (name) => {
  it('has the reference logits of rows that are padded on the left', async () => {
    const { base, expected } = await open(name);
    const feeds = { input_ids: expected.get('left_input_ids'), attention_mask: expected.get('left_attention_mask') };
    const logits = await run(base, buildClassificationGraph(base), feeds);
    expect(
      reported(maxDifference(logits, expectedOf(expected, 'left_logits')), `${name}: logits, padded on the left`),
    ).toBeLessThan(goldenLimit(1e-5));
  });

  it('has the mean of the reference states as its embeddings', async () => {
    const { base, expected } = await open(name);
    const feeds = { input_ids: expected.get('input_ids'), attention_mask: expected.get('attention_mask') };
    const embeddings = await run(base, buildEmbeddingGraph(base), feeds);
    expect(
      reported(maxDifference(embeddings, expectedOf(expected, 'base_embeddings')), `${name}: embeddings`),
    ).toBeLessThan(goldenLimit(1e-5));
  });
});

it('tells segments apart where they are given', async () => {
  const { base, expected } = await open('bert-types');
  const names = ['input_ids', 'attention_mask', 'token_type_ids'];
  const feeds = Object.fromEntries(names.map((name) => [name, expected.get(name)]));
  const logits = await run(base, buildClassificationGraph(base, { tokenTypes: true }), feeds);
  expect(
    reported(maxDifference(logits, expectedOf(expected, 'typed_logits')), 'bert-types: logits with segments'),
  ).toBeLessThan(goldenLimit(1e-5));
  expect(maxDifference(logits, expectedOf(expected, 'base_logits'))).toBeGreaterThan(1e-2);
});

it.each(['float16', 'bfloat16'] as const)('computes in f32 with weights that are stored as %s', async (dtype) => {
  const convert = dtype === 'float16' ? numberToFloat16 : numberToBfloat16;
  await withTempDir(async (dir) => {
    const model = fileURLToPath(new URL('../../../test/golden/roberta/model', import.meta.url));
    await cp(model, dir, { recursive: true });
    const { tensors } = await loadSafetensors(join(dir, 'model.safetensors'));
    const halves = [...tensors].map(([name, tensor]): [string, TensorData] => {
      const bits = Uint16Array.from(toFloat32(tensor), convert);
      return [name, { dtype, shape: tensor.shape, bytes: new Uint8Array(bits.buffer) }];
    });
    await writeSafetensors(join(dir, 'model.safetensors'), halves);
    const base = await openBaseModel(dir);
    const { expected } = await open('roberta');
    const feeds = { input_ids: expected.get('input_ids'), attention_mask: expected.get('attention_mask') };
    const tolerance = dtype === 'float16' ? 0.02 : 0.2;
    const logits = await run(base, buildClassificationGraph(base), feeds);
    expect(maxDifference(logits, expectedOf(expected, 'base_logits'))).toBeLessThan(tolerance);
    const embeddings = await run(base, buildEmbeddingGraph(base), feeds);
    expect(maxDifference(embeddings, expectedOf(expected, 'base_embeddings'))).toBeLessThan(tolerance);
  });
});

it('gives every native handle back', () => {
  environment.dispose();
  expect(liveHandles()).toEqual({});
});
