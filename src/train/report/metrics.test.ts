import { mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MetricsWriter, parseMetrics, type OpenMetricsFile } from './metrics.ts';

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

  it('keeps the lines that a full disk does not take, says so once, and writes them when there is room', async () => {
    const path = join(root, 'metrics.jsonl');
    let room = 50;
    const openFile: OpenMetricsFile = async (place) => {
      const handle = await open(place, 'wx');
      return {
        write: async (bytes, position) => {
          const part = bytes.subarray(0, Math.max(0, room - position));
          if (part.length === 0) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
          return (await handle.write(part, 0, part.length, position)).bytesWritten;
        },
        sync: () => handle.sync(),
        close: () => handle.close(),
      };
    };
    const told: unknown[] = [];
    const writer = await MetricsWriter.create(path, { openFile, onTrouble: (error) => told.push(error) });
    const line = { step: 1, loss: 2.5, gradNorm: 1, learningRate: 0.1, targetTokens: 7, tokensPerSecond: 100 };
    for (const step of [1, 2, 3]) await writer.write({ ...line, step });
    expect(told).toHaveLength(1);
    const whole = [1, 2, 3].map((step) => `${JSON.stringify({ ...line, step })}\n`).join('');
    await mkdir(join(root, 'elsewhere'));
    await writer.copyInto(join(root, 'elsewhere'));
    expect(await readFile(join(root, 'elsewhere', 'metrics.jsonl'), 'utf8')).toBe(whole);
    await expect(writer.moveInto(join(root, 'elsewhere'))).rejects.toMatchObject({ code: 'ENOSPC' });
    room = Infinity;
    await writer.write({ ...line, step: 4 });
    await writer.close();
    expect(await readFile(path, 'utf8')).toBe(`${whole}${JSON.stringify({ ...line, step: 4 })}\n`);
  });
});

describe('parseMetrics', () => {
  it('gives back the steps that were written, also those whose numbers are not finite', async () => {
    const writer = await MetricsWriter.create(join(root, 'metrics.jsonl'));
    const line = { step: 1, loss: 2.5, gradNorm: 1, learningRate: 0.1, targetTokens: 7, tokensPerSecond: 100 };
    const steps = [
      line,
      { ...line, step: 2, loss: NaN, gradNorm: NaN, skipped: 'the loss' },
      { ...line, step: 3, evalLoss: NaN },
      { ...line, step: 4, evalLoss: 1.5 },
    ];
    for (const step of steps) await writer.write(step);
    expect(parseMetrics((await writer.lines()).toString())).toEqual(steps);
    await writer.close();
  });
});
