import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBaseModel } from '../../models/index.ts';
import { dequantizeBase } from '../../quantize/index.ts';
import { awq, bitsAndBytes, compressed, float8, gptq, writeForeignBase } from '../../quantize/testing/foreign-base.ts';
import { espalier, goldenFolder, writeGoldenRows } from '../testing/run-espalier.ts';

let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-foreign-'));
  data = await writeGoldenRows(goldenFolder('llama'), join(folder, 'rows.jsonl'));
});
afterAll(() => rm(folder, { recursive: true }));

async function losses(base: string): Promise<number[]> {
  const words = ['train', '--base', base, '--data', data, '--output', `${base}-trained`, '--max-steps', '3'];
  const { exitCode, stderr } = await espalier([...words, '--learning-rate', '0.01', '--seed', '3']);
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  const lines = (await readFile(join(`${base}-trained`, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => Number((JSON.parse(line) as { loss: number }).loss));
}

it.each([
  { what: 'GPTQ', kind: gptq() },
  { what: 'AWQ', kind: awq() },
  { what: 'NF4', kind: bitsAndBytes({ nested: true, dtype: 'bfloat16' }) },
  { what: 'FP8', kind: float8([48, 40]) },
  { what: 'compressed-tensors', kind: compressed({ symmetric: false }) },
  { what: 'GPTQ, columns in another order', kind: gptq({ isOrdered: false }) },
])('an adapter learns on $what what it learns on its floats', async ({ what, kind }) => {
  const dir = join(folder, what);
  await writeForeignBase(dir, kind);
  await dequantizeBase(await openBaseModel(dir), `${dir}-floats`);
  const [packed, floats] = [await losses(dir), await losses(`${dir}-floats`)];
  expect(packed).toHaveLength(3);
  expect(packed[2]).not.toBe(packed[0]);
  packed.forEach((loss, i) => expect(Math.abs(loss - (floats[i] ?? 0))).toBeLessThan(1e-4));
});
