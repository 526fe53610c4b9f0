import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadSafetensors, typedArray } from '../../tensor/index.ts';
import { runProgram } from '../program.ts';
import { generateCommand } from './generate.ts';

const golden = fileURLToPath(new URL('../../../test/golden/llama', import.meta.url));
const base = `${golden}/model`;
const promptLength = 5;

let folder: string;
let rows: ReadonlyMap<string, readonly number[]>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-generate-'));
  const { tensors } = await loadSafetensors(`${golden}/expected.safetensors`);
  rows = new Map(Array.from(tensors, ([name, tensor]) => [name, Array.from(typedArray(tensor), Number)] as const));
});

afterAll(() => rm(folder, { recursive: true }));

function row(name: string): readonly number[] {
  return rows.get(name) ?? [];
}

async function run(...words: string[]) {
  let [stdout, stderr] = ['', ''];
  const streams = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
  };
  const { signal } = new AbortController();
  const options = { commands: [generateCommand], version: '1.2.3', streams, signal };
  const exitCode = await runProgram(['generate', '--threads', '1', ...words], options);
  return { exitCode, stdout, stderr };
}

describe('espalier generate, on token ids', () => {
  it.each([
    { row: 'greedy_base', adapters: [] },
    { row: 'greedy_adapter', adapters: ['--adapter', `${golden}/adapter`] },
    { row: 'greedy_trained', adapters: ['--adapter', `${golden}/trained=0.25`, '--adapter', `${golden}/trained=0.75`] },
  ])('gives the tokens of the reference: $row', async ({ row: name, adapters }) => {
    const ids = row(name).slice(0, promptLength).join();
    const { stdout, exitCode } = await run(
      '--base',
      base,
      '--input-ids',
      ids,
      '--max-tokens',
      '16',
      '--json',
      ...adapters,
    );
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ text: null, tokens: row(name).slice(promptLength), finishReason: 'length' });
  });

  it('takes a DoRA adapter at full strength, and no other', async () => {
    const adapters = fileURLToPath(new URL('../../../test/golden/adapters/dora/adapter', import.meta.url));
    const words = ['--base', base, '--input-ids', '1,2,3', '--max-tokens', '8', '--json'];
    const { stdout, exitCode } = await run(...words, '--adapter', adapters);
    expect(exitCode).toBe(0);
    expect((JSON.parse(stdout) as { tokens: number[] }).tokens).toHaveLength(8);
    expect(stdout).not.toBe((await run(...words)).stdout);
    const half = await run(...words, '--adapter', `${adapters}=0.5`);
    expect(JSON.parse(half.stdout)).toMatchObject({ error: { code: 'GENERATION_OPTION_INVALID' } });
  });

  it('tells ids as they come, for a person', async () => {
    const ids = row('greedy_base').slice(0, promptLength).join();
    const { stdout } = await run('--base', base, '--input-ids', ids, '--max-tokens', '3');
    expect(stdout).toBe(
      `${row('greedy_base')
        .slice(promptLength, promptLength + 3)
        .join()}\n`,
    );
  });

  it('says that an answer ended with the context', async () => {
    const ids = Array.from({ length: 26 }, (_, i) => i + 90).join();
    const { stderr, exitCode } = await run('--base', base, '--input-ids', ids, '--max-tokens', '200');
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/after (\d+) tokens: the prompt has 26, the answer \d+. --max-tokens 200 is more than fits/);
  });

  it('draws the same answer with the same seed', async () => {
    const words = [
      '--base',
      base,
      '--input-ids',
      '1,2',
      '--temperature',
      '1',
      '--top-k',
      '50',
      '--seed',
      '4',
      '--json',
    ];
    expect((await run(...words)).stdout).toBe((await run(...words)).stdout);
  });

  it.each([
    { words: [], code: 'CLI_CONFLICT' },
    { words: ['--input-ids', '1', '--prompt', 'Hello'], code: 'CLI_CONFLICT' },
    { words: ['--prompt', 'Hello'], code: 'CLI_CONFLICT' },
    { words: ['--input-ids', '1', '--top-p', '2'], code: 'CLI_BAD_VALUE' },
    { words: ['--input-ids', '128'], code: 'TOKEN_OUT_OF_RANGE' },
    { words: ['--input-ids', Array.from({ length: 128 }, () => 1).join()], code: 'PROMPT_TOO_LONG' },
    { words: ['--input-ids', '1', '--adapter', '/nowhere'], code: 'FILE_NOT_FOUND' },
  ])('refuses with $code', async ({ words, code }) => {
    const { stdout, exitCode } = await run('--base', base, '--json', ...words);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code } });
    expect(exitCode).toBe(code.startsWith('CLI') ? 2 : 1);
  });

  it('refuses messages without a tokenizer', async () => {
    const file = join(folder, 'messages.json');
    await writeFile(file, JSON.stringify([{ role: 'user', content: 'Hello' }]));
    const { stderr } = await run('--base', base, '--messages', file);
    expect(stderr).toContain('Give --input-ids, since the folder of the base has no tokenizer, got --messages.');
  });
});
