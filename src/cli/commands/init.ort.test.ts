import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { espalier, goldenFolder, writeGoldenRows } from '../testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('espalier init', () => {
  it('makes a base that train can begin with', async () => {
    const dir = join(folder, 'base');
    const shape = ['--vocab-size', '128', '--hidden-size', '16', '--layers', '1', '--heads', '2', '--tied-embeddings'];
    expect((await espalier(['init', '--output', dir, ...shape])).exitCode).toBe(0);
    const data = await writeGoldenRows(goldenFolder('llama'), join(folder, 'rows.jsonl'));
    const words = ['train', '--base', dir, '--data', data, '--output', join(folder, 'out'), '--full', '--json'];
    const { exitCode, stdout } = await espalier([...words, '--max-steps', '2', '--learning-rate', '0.01']);
    expect(exitCode).toBe(0);
    const { firstLoss, lastLoss } = JSON.parse(stdout) as { firstLoss: number; lastLoss: number };
    expect(firstLoss).toBeCloseTo(Math.log(128), 1);
    expect(lastLoss).toBeLessThan(firstLoss);
  });
});
