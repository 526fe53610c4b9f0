import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MetricsWriter } from './metrics.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-metrics-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('MetricsWriter', () => {
  it('writes a line for each step at once', async () => {
    const path = join(root, 'metrics.jsonl');
    const writer = await MetricsWriter.create(path);
    const line = { step: 1, loss: 2.5, gradNorm: 1, learningRate: 0.1, targetTokens: 7, tokensPerSecond: 100 };
    await writer.write(line);
    expect(await readFile(path, 'utf8')).toBe(`${JSON.stringify(line)}\n`);
    await writer.write({ ...line, step: 2 });
    await writer.close();
    expect((await readFile(path, 'utf8')).trim().split('\n')).toHaveLength(2);
  });
});
