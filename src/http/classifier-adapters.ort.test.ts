import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveHandles } from '../native/index.ts';
import { loadSafetensors, typedArray } from '../tensor/index.ts';
import { openServer } from './server.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
  const alive = JSON.stringify(liveHandles());
  if (alive !== '{}') throw new Error(`Native handles are left: ${alive}`);
});

describe('adapters of a classifier', () => {
  it.each([
    { name: 'bert', saves: 'nothing whole' },
    { name: 'roberta', saves: 'its head whole' },
    { name: 'distilbert', saves: 'its head whole' },
  ])('give the logits of the reference beside the base, where $name saves $saves', async ({ name }) => {
    const golden = fileURLToPath(new URL(`../../test/golden/${name}`, import.meta.url));
    for (const adapter of ['adapter', 'trained']) {
      await cp(join(golden, adapter), join(folder, adapter), { recursive: true });
    }
    const { tensors } = await loadSafetensors(join(golden, 'expected.safetensors'));
    const numbers = (key: string): number[] => {
      const tensor = tensors.get(key);
      return tensor === undefined ? [] : Array.from(typedArray(tensor), Number);
    };
    const options = { base: join(golden, 'model'), servedName: name, adapters: folder, threads: 1, port: 0 };
    await using server = await openServer({ ...options, maxWaitMs: 5 });
    const ask = async (model: string): Promise<number[]> => {
      const tensorOf = (key: string): object => {
        return { name: key, shape: tensors.get(key)?.shape, datatype: 'INT64', data: numbers(key) };
      };
      const body = JSON.stringify({ inputs: ['input_ids', 'attention_mask'].map(tensorOf) });
      const response = await fetch(`${server.url}/v2/models/${model}/infer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      const answer = (await response.json()) as { outputs?: { data: number[] }[]; parameters?: object };
      const [adapter, version] = ['adapter', 'version'].map((key) => response.headers.get(`x-espalier-${key}`));
      expect([adapter ?? undefined, answer.parameters]).toEqual(
        model === name ? [undefined, undefined] : [model.split(':')[1], { adapter, adapter_version: version }],
      );
      return answer.outputs?.[0]?.data ?? [];
    };
    const kinds = ['base', 'adapter', 'trained'];
    const answers = await Promise.all(kinds.map((kind) => ask(kind === 'base' ? name : `${name}:${kind}`)));
    for (const [place, kind] of kinds.entries()) {
      const expected = numbers(`${kind}_logits`);
      expect([kind, answers[place]?.length]).toEqual([kind, expected.length]);
      const worst = Math.max(...expected.map((value, i) => Math.abs(value - (answers[place]?.[i] ?? NaN))));
      expect(worst).toBeLessThan(1e-5);
    }
  });
});
