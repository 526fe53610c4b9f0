import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resolveTrainOptions } from '../config/resolve-config.ts';
import { RunView } from './run-view.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('the page of a training', () => {
  it.each<[string, () => Promise<string>]>([
    ['cannot be read', () => Promise.reject(new Error('EIO'))],
    ['have a line that is none', () => Promise.resolve('{"step":1\n')],
  ])('is left out with a warning if the metrics %s', async (_name, lines) => {
    const report = join(dir, 'page.html');
    const config = resolveTrainOptions({ base: 'base', data: 'rows.jsonl', output: 'out', report });
    const warnings: string[] = [];
    const onEvent = (event: Parameters<Parameters<typeof RunView.open>[1]['onEvent']>[0]): void =>
      void (event.kind === 'warned' && warnings.push(event.message));
    await using view = await RunView.open(config, { onEvent, answer: undefined });
    await view.end({ kind: 'failed', reason: 'x' }, lines);
    expect(warnings).toEqual([expect.stringContaining(`The report ${report} was not written`)]);
    expect(await readdir(dir)).toEqual([]);
  });
});
