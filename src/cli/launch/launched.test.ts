import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchCommand } from '../commands/launch.ts';
import { runProgram } from '../program.ts';
import { describeEnding, exitCodeOf, runProcesses, type Ending, type LaunchedOptions } from './launched.ts';

let folder: string;
let program: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-launched-'));
  program = join(folder, 'program.mjs');
  // Does what its environment says, and waits for the end of its input otherwise.
  await writeFile(
    program,
    `console.log('rank ' + process.env.RANK, process.argv.slice(2).join(' '));
    process.on('SIGTERM', () => process.exit(130));
    process.stdin.resume().on('end', () => process.exit(0));
    if (process.env.DOES === 'stop') process.kill(process.pid, 'SIGSTOP');
    else if (process.env.DOES !== 'wait') process.exit(Number(process.env.DOES));
    console.log('waits');`,
  );
});
afterAll(() => rm(folder, { recursive: true }));

interface Heard {
  readonly endings: readonly Ending[];
  readonly lines: readonly string[];
  readonly failures: readonly string[];
}

/** Runs a process for each deed. */
async function run(does: readonly string[], options: Partial<LaunchedOptions> = {}): Promise<Heard> {
  const [lines, failures]: [string[], string[]] = [[], []];
  const endings = await runProcesses({
    program,
    words: ['train', '--seed', '1'],
    environments: does.map((each, rank) => ({ RANK: String(rank + 4), DOES: each })),
    onFailure: (ending) => failures.push(describeEnding(ending)),
    signal: new AbortController().signal,
    ...options,
    onLine: (line) => {
      lines.push(`${line.rank} ${line.stream}: ${line.text}`);
      options.onLine?.(line);
    },
  });
  return { endings, lines: lines.sort(), failures };
}

describe('runProcesses', () => {
  it('starts each with its environment and the same words, and tells of its lines', async () => {
    const { endings, lines, failures } = await run(['0', '0']);
    expect(endings).toEqual([4, 5].map((rank) => ({ rank, code: 0, signal: null })));
    expect(lines).toEqual(['4 stdout: rank 4 train --seed 1', '5 stdout: rank 5 train --seed 1']);
    expect(failures).toEqual([]);
  });

  it('gives the others time when one fails, and then ends them, those that are stopped too', async () => {
    const { endings, failures } = await run(['wait', 'stop', '3'], { graceMs: 300 });
    expect(endings).toEqual([
      { rank: 4, code: null, signal: 'SIGKILL' },
      { rank: 5, code: null, signal: 'SIGKILL' },
      { rank: 6, code: 3, signal: null },
    ]);
    expect(failures).toEqual(['rank 6 ended with exit code 3']);
    expect(exitCodeOf(endings)).toBe(3);
  });

  it('passes on that all shall end', async () => {
    const ending = new AbortController();
    let waiting = 0;
    const { endings, failures } = await run(['wait', 'wait'], {
      signal: ending.signal,
      onLine: ({ text }) => {
        if (text === 'waits') waiting += 1;
        if (waiting === 2) ending.abort();
      },
    });
    expect(endings.map(({ code }) => code)).toEqual([130, 130]);
    expect(failures).toEqual([]);
    expect(exitCodeOf(endings)).toBe(130);
  });
});

describe('exitCodeOf', () => {
  const ended = (...codes: readonly (number | null)[]): number =>
    exitCodeOf(codes.map((code, rank) => ({ rank, code, signal: code === null ? 'SIGKILL' : null })));

  it.each<[readonly (number | null)[], number]>([
    [[0, 0], 0],
    [[130, 130], 130],
    [[0, 130], 130],
    [[130, 2, 1], 2],
    [[null, 1], 1],
    [[null, null], 1],
    [[null, 130], 1],
  ])('of %j is %i', (codes, code) => {
    expect(ended(...codes)).toBe(code);
  });
});

describe('espalier launch', () => {
  async function refused(...words: readonly string[]): Promise<string> {
    let text = '';
    const write = (piece: string): unknown => (text += piece);
    const exitCode = await runProgram(['launch', ...words], {
      commands: [launchCommand],
      version: '0.0.0',
      streams: { stdout: { write }, stderr: { write } },
      signal: new AbortController().signal,
    });
    expect(exitCode).toBeGreaterThan(0);
    return text;
  }

  it.each<[string, readonly string[], string]>([
    ['no number of processes', ['--', 'train'], 'processes'],
    ['no process', ['--processes', '0', '--', 'train'], 'processes'],
    ['another command', ['--processes', '2', '--', 'serve'], 'train behind --'],
    ['machines without an address', ['--processes', '2', '--nodes', '2', '--', 'train'], '--master and --node-rank'],
    ['an address without a port', ['--processes', '2', '--master', '10.0.0.1', '--', 'train'], 'host:port'],
    ['a port that there is not', ['--processes', '2', '--master', 'a:70000', '--', 'train'], 'host:port'],
    [
      'a machine beyond the last',
      ['--processes', '2', '--nodes', '2', '--node-rank', '2', '--master', 'a:1', '--', 'train'],
      'a number below --nodes',
    ],
  ])('refuses %s', async (_, words, problem) => {
    expect(await refused(...words)).toContain(problem);
  });
});
