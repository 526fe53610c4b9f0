import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveHandles } from '../../native/index.ts';
import type { OptimizerComparison } from '../../train/index.ts';
import { espalier, goldenFolder, writeGoldenRows } from '../testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('espalier bench optimizers', () => {
  it('says what memory each optimizer adds, and how many steps it needs', async () => {
    const golden = goldenFolder('llama');
    const data = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
    const words = ['bench', 'optimizers', '--base', join(golden, 'model'), '--data', data, '--steps', '12'];
    words.push('--rates', 'adamw=1e-2,lion=3e-3,sgd=1e-9');
    const { exitCode, stdout } = await espalier([...words, '--json']);
    expect(exitCode).toBe(0);
    const { targetLoss, optimizers } = JSON.parse(stdout) as OptimizerComparison;
    const [adamw, lion, sgd] = optimizers;
    expect(adamw).toMatchObject({ name: 'adamw', steps: 12, lastLoss: targetLoss });
    expect(lion?.steps).toBeLessThan(36);
    // A rate at which nothing is learned never reaches the loss.
    expect(sgd).toMatchObject({ name: 'sgd', learningRate: 1e-9 });
    expect(sgd?.steps).toBeUndefined();
    // Two moments, one and one.
    expect(adamw?.stateBytes).toBe(2 * (lion?.stateBytes ?? NaN));
    expect(sgd?.stateBytes).toBe(lion?.stateBytes);
    expect(await readdir(folder)).toEqual(['rows.jsonl']);
    expect(liveHandles()).toEqual({});
    const refused = await espalier([...words.slice(0, -1), 'adam=1']);
    expect(refused).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('learning rates of adamw, sgd, lion'),
    });
  });
});
