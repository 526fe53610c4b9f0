import { cp, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBaseModel } from '../open-base-model.ts';
import { fingerprintBase } from './fingerprint-base.ts';

const golden = fileURLToPath(new URL('../../../test/golden/llama/model', import.meta.url));
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  await cp(golden, folder, { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

const fingerprint = async (dir: string): Promise<string> => fingerprintBase(await openBaseModel(dir));

it('is the same for a copy, and another for other weights or another configuration', async () => {
  const own = await fingerprint(golden);
  expect(own).toMatch(/^[\da-f]{64}$/);
  expect(await fingerprint(folder)).toBe(own);

  const configPath = join(folder, 'config.json');
  const text = await readFile(configPath, 'utf8');
  const config: object = JSON.parse(text);
  await writeFile(configPath, JSON.stringify({ ...config, max_position_embeddings: 77 }));
  expect(await fingerprint(folder)).not.toBe(own);
  await writeFile(configPath, JSON.stringify({ ...config, transformers_version: 'another' }));
  expect(await fingerprint(folder)).toBe(own);

  await using file = await open(join(folder, 'model.safetensors'), 'r+');
  const { size } = await file.stat();
  await file.write(Uint8Array.of(1, 2, 3, 4), 0, 4, size - 4);
  expect(await fingerprint(folder)).not.toBe(own);
});
