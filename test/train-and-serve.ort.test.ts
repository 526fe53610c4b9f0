import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { espalier } from '../src/cli/testing/run-espalier.ts';
import { openServer } from '../src/http/index.ts';
import { liveHandles } from '../src/native/index.ts';
import { loadSafetensors, typedArray } from '../src/tensor/index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
  const alive = JSON.stringify(liveHandles());
  if (alive !== '{}') throw new Error(`Native handles are left: ${alive}`);
});

interface GoldenBatch {
  readonly shape: readonly number[];
  /** Row by row. */
  readonly images: number[][];
  readonly labels: number[];
  numbers(name: string): number[];
}

async function readBatch(golden: string): Promise<GoldenBatch> {
  const { tensors } = await loadSafetensors(join(golden, 'expected.safetensors'));
  const numbers = (name: string): number[] => {
    const tensor = tensors.get(name);
    return tensor === undefined ? [] : Array.from(typedArray(tensor), Number);
  };
  const [rows = 0, ...shape] = tensors.get('x')?.shape ?? [];
  const x = numbers('x');
  const width = x.length / rows;
  const images = Array.from({ length: rows }, (_, i) => x.slice(i * width, (i + 1) * width));
  return { shape, images, labels: numbers('labels'), numbers };
}

/** [c, h, w] of a flat list. */
function nested(values: readonly number[], shape: readonly number[]): unknown {
  const [size = 1, ...inner] = shape;
  if (inner.length === 0) return values;
  const width = values.length / size;
  return Array.from({ length: size }, (_, i) => nested(values.slice(i * width, (i + 1) * width), inner));
}

describe('a model that another tool exported', () => {
  it.each([
    { name: 'cnn', input: 'image' },
    { name: 'mlp', input: 'features' },
  ])('is fine-tuned and served: $name', async ({ name, input }) => {
    const golden = fileURLToPath(new URL(`golden/${name}`, import.meta.url));
    const { shape, images, labels, numbers } = await readBatch(golden);
    const model = join(golden, 'model.onnx');
    const rows = images.map((image, i) => JSON.stringify({ input: nested(image, shape), label: labels[i] }));
    await writeFile(join(folder, 'rows.jsonl'), rows.join('\n'));
    await mkdir(join(folder, 'adapters'));

    const words = ['train', '--base', model, '--data', join(folder, 'rows.jsonl'), '--max-steps', '10', '--no-shuffle'];
    words.push('--init-adapter', join(golden, 'adapter'), '--output', join(folder, 'adapters', 'tuned'));
    words.push('--optimizer', 'adamw', '--learning-rate', '0.02', '--weight-decay', '0.01', '--max-grad-norm', '0');
    words.push('--batch-size', String(images.length));
    const { exitCode, stderr } = await espalier(words);
    expect([exitCode, stderr]).toEqual([0, expect.not.stringContaining('espalier:')]);

    const adapters = join(folder, 'adapters');
    await using server = await openServer({ models: [{ name, path: model }], adapters, threads: 1, port: 0 });
    const ask = async (served: string): Promise<number[]> => {
      const answers = images.map(async (image) => {
        const tensor = { name: input, shape: [1, ...shape], datatype: 'FP32', data: nested(image, [1, ...shape]) };
        const body = JSON.stringify({ inputs: [tensor] });
        const response = await fetch(`${server.url}/v2/models/${served}/infer`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        });
        return (await response.json()) as { outputs: { data: number[] }[] };
      });
      return (await Promise.all(answers)).flatMap(({ outputs }) => outputs[0]?.data ?? []);
    };
    const [base, tuned] = [await ask(name), await ask(`${name}:tuned`)];
    const [expectedBase, expectedTuned] = [numbers('base_logits'), numbers('trained_logits')];
    expect([base.length, tuned.length]).toEqual([expectedBase.length, expectedTuned.length]);
    for (const [i, value] of expectedBase.entries()) expect(base[i]).toBeCloseTo(value, 5);
    for (const [i, value] of expectedTuned.entries()) expect(tuned[i]).toBeCloseTo(value, 3);
  });
});
