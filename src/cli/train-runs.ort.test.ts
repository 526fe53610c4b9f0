import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { commandList } from './command-list.ts';
import { runProgram } from './program.ts';
import { goldenFolder, writeGoldenRows } from './testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-train-runs-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

describe('train with several runs', () => {
  it('ends with its input where asked to', async () => {
    const golden = goldenFolder('llama');
    const data = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
    const runs = ['a', 'b'].map((name) => ({ name, data, output: join(folder, name) }));
    const settings = { base: join(golden, 'model'), maxSteps: 400, rank: 2, runs };
    await writeFile(join(folder, 'runs.yaml'), JSON.stringify(settings));
    const input = new PassThrough();
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(input as unknown as typeof process.stdin);
    let told = '';
    const words = ['train', '--config', join(folder, 'runs.yaml'), '--end-with-input', '--log-steps', '1'];
    await runProgram([...words, '--threads', '1'], {
      commands: commandList,
      version: '0.0.0',
      streams: {
        stdout: { write: (text: string) => (told += text) },
        stderr: { write: (text: string) => text.includes('step 1 of') && input.end() },
      },
      signal: new AbortController().signal,
    });
    expect(told.match(/\d+, interrupted/g)).toHaveLength(2);
  });
});
