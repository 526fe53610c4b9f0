import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MetricsWriter } from './metrics.ts';
import { OutputFolder } from './output-folder.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-output-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('OutputFolder', () => {
  it('is nowhere to be seen until it is published, and then leaves nothing else behind', async () => {
    const folder = await OutputFolder.begin(join(root, 'adapter'));
    const inside = join(folder.staging, 'result');
    await mkdir(inside);
    await writeFile(join(inside, 'file'), 'x');
    expect((await readdir(root)).filter((name) => !name.startsWith('.'))).toEqual([]);
    await folder.publish(inside);
    expect(await readdir(root)).toEqual(['adapter']);
    expect(await readdir(join(root, 'adapter'))).toEqual(['file']);
  });

  it('refuses a place that is taken, before it writes anything', async () => {
    await mkdir(join(root, 'adapter'));
    await expect(OutputFolder.begin(join(root, 'adapter'))).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(await readdir(root)).toEqual(['adapter']);
  });

  it('refuses a place that was taken meanwhile', async () => {
    const folder = await OutputFolder.begin(join(root, 'adapter'));
    await mkdir(join(root, 'adapter'));
    await expect(folder.publish(folder.staging)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  });

  it('leaves nothing behind when it is discarded', async () => {
    const folder = await OutputFolder.begin(join(root, 'deep', 'adapter'));
    await folder.discard();
    expect(await readdir(join(root, 'deep'))).toEqual([]);
  });
});

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
