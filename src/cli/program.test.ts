import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { EspalierError } from '../core/index.ts';
import type { CommandDefinition } from './command.ts';
import { runProgram } from './program.ts';
import { adapterSpecs, positiveInteger, readOptions, tokenIds } from './read-options.ts';

const growOptions = z.object({
  height: positiveInteger.default(3),
  inputIds: tokenIds.optional(),
  adapter: adapterSpecs.default([]),
});

const growCommand: CommandDefinition = {
  name: 'grow',
  summary: 'Grows a tree.',
  examples: ['espalier grow --height 4'],
  configure: (command) =>
    void command
      .argument('[place]')
      .option('--height <n>')
      .option('--input-ids <ids>')
      .option('--adapter <dir...>')
      .requiredOption('--frame <dir>'),
  run: async (options, { output, threads, spinUs, signal }) => {
    if (options['frame'] === 'broken') throw new EspalierError('FILE_NOT_FOUND', { what: 'frame', path: 'broken' });
    if (options['frame'] === 'hangs') {
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    }
    if (options['frame'] === 'faulty') throw new TypeError('x is not a tree');
    const values = { ...readOptions(growOptions, options), place: options['place'], threads, spinUs };
    output.note('growing');
    output.answer(values, () => `grown to ${values.height}`);
  },
};

const pruneCommand: CommandDefinition = {
  name: 'tree prune',
  summary: 'Prunes a tree.',
  examples: ['espalier tree prune'],
  configure: () => undefined,
  run: async () => undefined,
};

async function run(line: string, signal = new AbortController().signal) {
  let [stdout, stderr] = ['', ''];
  const exitCode = await runProgram(line.split(' ').filter(Boolean), {
    commands: [growCommand, pruneCommand],
    version: '1.2.3',
    streams: {
      stdout: { write: (text: string) => (stdout += text) },
      stderr: { write: (text: string) => (stderr += text) },
    },
    signal,
  });
  return { exitCode, stdout, stderr };
}

describe('runProgram', () => {
  it('answers with text for a person', async () => {
    const { exitCode, stdout, stderr } = await run('grow --frame oak --height 4');
    expect([exitCode, stdout, stderr]).toEqual([0, 'grown to 4\n', 'growing\n']);
  });

  it('answers with one line of JSON and nothing else', async () => {
    const { stdout, stderr } = await run(
      'grow here --frame oak --threads 2 --spin-us 20 --input-ids 1,2 --adapter a b=0.5 --json',
    );
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      height: 3,
      inputIds: [1, 2],
      adapter: [
        { path: 'a', scale: 1 },
        { path: 'b', scale: 0.5 },
      ],
      place: 'here',
      threads: 2,
      spinUs: 20,
    });
  });

  it.each([
    { line: 'grwo', text: "Unknown command 'grwo'. Did you mean grow? See: espalier --help" },
    {
      line: 'grow --frame x --hieght 4',
      text: "Unknown option '--hieght'. Did you mean --height? See: espalier grow --help",
    },
    { line: 'grow', text: "Required option '--frame <dir>' not specified. See: espalier grow --help" },
    { line: '', text: 'Name a command. See: espalier --help' },
    { line: 'tree prun --depth 4', text: "Unknown command 'tree prun'. Did you mean prune?" },
    { line: 'tree --depth 4', text: "Unknown option '--depth'. See: espalier tree --help" },
    { line: 'grow --frame x --tall_ness 4', text: "Unknown option '--tall_ness'" },
    { line: 'grow --frame x 1 2 3', text: 'Expected 1 argument but got 3. See: espalier grow --help' },
    { line: 'tree pruen', text: "Unknown command 'tree pruen'. Did you mean prune? See: espalier tree --help" },
    { line: 'grow --frame x --height tall', text: '--height expects a whole number above 0, got "tall".' },
    { line: 'grow --frame x --threads 0', text: '--threads expects a whole number above 0, got "0".' },
    { line: 'grow --frame x --input-ids 1,b', text: '--input-ids expects token ids such as 1,2,3, got "1,b".' },
    { line: 'grow --frame x --adapter a=big', text: '--adapter expects a folder, or folder=scale' },
  ])('exits with 2 and says what is wrong: espalier $line', async ({ line, text }) => {
    const { exitCode, stdout, stderr } = await run(line);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(text);
  });

  it('exits with 1 after an error of a command, and names its code', async () => {
    const { exitCode, stderr } = await run('grow --frame broken');
    expect([exitCode, stderr]).toEqual([1, 'espalier: No frame at broken. Check the path. [FILE_NOT_FOUND]\n']);
  });

  it('tells errors as JSON where JSON was asked for', async () => {
    const { exitCode, stdout, stderr } = await run('grow --frame broken --json');
    expect([exitCode, stderr]).toEqual([1, '']);
    expect(JSON.parse(stdout)).toEqual({
      error: { code: 'FILE_NOT_FOUND', message: 'No frame at broken. Check the path.' },
    });
  });

  it('shows where a fault of its own happened', async () => {
    const { exitCode, stderr } = await run('grow --frame faulty');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/x is not a tree \[INTERNAL\][^]+program\.test\.ts/);
  });

  it('exits with 130 when it is interrupted', async () => {
    const controller = new AbortController();
    const running = run('grow --frame hangs', controller.signal);
    controller.abort();
    expect(await running).toEqual({ exitCode: 130, stdout: '', stderr: '' });
  });

  it('shows options, common ones and examples as help', async () => {
    const { exitCode, stdout } = await run('grow --help');
    expect(exitCode).toBe(0);
    for (const text of ['--height', '--json', '--threads', '$ espalier grow --height 4'])
      expect(stdout).toContain(text);
  });

  it.each([
    ['--height 3 --height 4', '--height is given twice, as --height 3 and as --height 4. Give it once.'],
    ['--height=3 --height 3', '--height is given twice, as --height 3 and as --height 3. Give it once.'],
    ['--input_ids 1 --input-ids=2', '--input-ids is given twice, as --input_ids 1 and as --input-ids 2. Give it once.'],
    ['--threads 1 --threads 2', '--threads is given twice, as --threads 1 and as --threads 2. Give it once.'],
  ])('refuses an option with one value that is given twice: %s', async (words, text) => {
    expect(await run(`grow --frame oak ${words}`)).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `espalier: ${text} See: espalier grow --help [CLI_USAGE]\n`,
    });
  });

  it('takes lists and flags without a value as often as they are given', async () => {
    const { stdout } = await run('grow --frame oak --adapter a --adapter b c --json --json');
    expect(JSON.parse(stdout).adapter.map(({ path }: { path: string }) => path)).toEqual(['a', 'b', 'c']);
  });

  it('helps where a group of commands is named alone', async () => {
    const { exitCode, stdout } = await run('tree');
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('prune')]);
  });

  it('understands an option as other tools spell it', async () => {
    expect(JSON.parse((await run('grow --frame oak --input_ids 1 --json')).stdout)).toMatchObject({ inputIds: [1] });
  });

  it('tells its version', async () => {
    expect((await run('--version')).stdout).toBe('1.2.3\n');
  });
});
