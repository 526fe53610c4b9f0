import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createRandom } from '../../core/index.ts';
import { decodeModel, encodeModel, Tape, type Model } from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32, typedArray, type TensorData } from '../../tensor/index.ts';
import type { BaseModel } from '../base-model.ts';
import { buildDecodeGraph } from '../graphs.ts';
import { goldenDir } from '../testing/fixtures.ts';
import { maxDifference } from '../testing/golden.ts';
import { openOnnxBase } from './open-onnx.ts';

const [layers, heads, maxLength, size] = [2, 2, 12, 16];
/** Tokens of each row before the step. */
const lengths = [3, 8];
const fed = [17, 101];

let environment: Environment;
let dir: string;
beforeAll(async () => {
  environment = openEnvironment({ threads: 1 });
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterAll(async () => {
  environment.dispose();
  await rm(dir, { recursive: true });
});

const states = Array.from({ length: layers }, (_, layer) => ['key', 'value'].map((part) => `${layer}.${part}`)).flat();
const random = createRandom(3, 'cache');
const shape = [lengths.length, heads, maxLength, size];
const caches = new Map(
  states.map((state) => {
    const values = Float32Array.from({ length: lengths.length * heads * maxLength * size }, () => random.normal());
    return [state, tensorOf('float32', shape, values)] as const;
  }),
);

/** f32 [1, heads, length, headDim]: the first places of a row. */
function firstPlaces(tensor: TensorData, row: number, length: number): TensorData {
  const values = toFloat32(tensor);
  const parts = Array.from({ length: heads }, (_, head) => {
    const start = (row * heads + head) * maxLength * size;
    return [...values.subarray(start, start + length * size)];
  });
  return tensorOf('float32', [1, heads, length, size], parts.flat());
}

/** What the file itself gives each row alone. */
async function answersOf(path: string): Promise<Record<string, TensorData>[]> {
  using session = await environment.createSession(await readFile(path), { externalDataFolder: dir });
  const answers: Record<string, TensorData>[] = [];
  for (const [row, length] of lengths.entries()) {
    const past = [...caches].map(([state, cache]) => [`past_key_values.${state}`, firstPlaces(cache, row, length)]);
    const whole = Array.from({ length: length + 1 }, () => 1);
    const feeds = {
      input_ids: tensorOf('int64', [1, 1], [fed[row] ?? 0]),
      attention_mask: tensorOf('int64', [1, length + 1], whole),
      position_ids: tensorOf('int64', [1, 1], [length]),
      ...Object.fromEntries(past),
    };
    answers.push(await runOnce(session, feeds));
  }
  return answers;
}

/** Both rows in one run of the decode graph. */
async function stepOf(base: BaseModel): Promise<Record<string, TensorData>> {
  const model = encodeModel(buildDecodeGraph(base, { maxLength }));
  using session = await environment.createSession(model, { externalDataFolder: base.dir });
  return runOnce(session, {
    input_ids: tensorOf('int64', [2, 1], fed),
    position_ids: tensorOf('int64', [2, 1], lengths),
    seqlens_k: tensorOf('int32', [2], lengths),
    total_length: tensorOf('int32', [], [Math.max(...lengths) + 1]),
    logit_rows: tensorOf('int64', [2], [0, 1]),
    ...Object.fromEntries([...caches].map(([state, cache]) => [`past_key_values.${state}`, cache])),
  });
}

/** The same numbers, but what goes out is no longer the Concat itself. */
function joinedOtherwise(model: Model): Model {
  for (const output of model.graph.outputs.filter(({ name }) => name.startsWith('present'))) {
    const { producer } = output;
    if (producer === undefined) continue;
    const tape = new Tape(model, { insertAfter: producer });
    const sum = tape.op('Add', [output, tape.scalar(0)]);
    model.graph.replaceAllUses(output, sum, { except: sum.producer ? [sum.producer] : [] });
  }
  return model;
}

describe.each([
  { graph: 'optimum', form: 'as it is', rewrite: undefined },
  { graph: 'torch-past', form: 'as it is', rewrite: undefined },
  { graph: 'optimum', form: 'with its past joined otherwise', rewrite: joinedOtherwise },
])('the decode graph of $graph, $form', ({ graph, rewrite }) => {
  it('gives rows of different lengths what the file gives each alone, and writes only their new places', async () => {
    const path = join(dir, `${graph}${rewrite === undefined ? '' : '-other'}.onnx`);
    const bytes = await readFile(goldenDir('llama-d16', `${graph}/model.onnx`));
    await writeFile(path, rewrite === undefined ? bytes : encodeModel(rewrite(decodeModel(bytes))));
    const expected = await answersOf(path);
    const step = await stepOf(await openOnnxBase(path));
    for (const [row, length] of lengths.entries()) {
      const { logits: together } = step;
      const { logits: alone } = expected[row] ?? {};
      const own = together && toFloat32(together).subarray(row * 128, (row + 1) * 128);
      expect(maxDifference(own ?? [], alone ? toFloat32(alone) : [])).toBeLessThan(1e-5);
      for (const state of states) {
        const [written, present] = [step[`present.${state}`], expected[row]?.[`present.${state}`]];
        const places = written ? toFloat32(firstPlaces(written, row, length + 1)) : [];
        expect(maxDifference(places, present ? toFloat32(present) : [])).toBeLessThan(1e-5);
      }
    }
    for (const [state, cache] of caches) {
      const written = step[`present.${state}`];
      const changed = [...toFloat32(cache)].filter((value, i) => value !== (written && typedArray(written)[i]));
      expect(changed).toHaveLength(lengths.length * heads * size);
    }
  });
});
