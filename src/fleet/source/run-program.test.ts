import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GitRepository, noGit } from '../testing/git-repository.ts';
import { GitSource } from './git-source.ts';
import { parseSource } from './parse-source.ts';
import { type ProgramOptions, runProgram } from './run-program.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'espalier-program-'))));
afterEach(() => rmSync(folder, { recursive: true }));

const { signal } = new AbortController();
const options: ProgramOptions = { env: { PATH: process.env['PATH'] ?? '' }, timeoutMs: 30_000, maxBytes: 1000, signal };
const shell = (script: string, more: Partial<ProgramOptions> = {}): ReturnType<typeof runProgram> =>
  runProgram('sh', ['-c', script], { ...options, ...more });

/** Whether a process runs whose number a script has written. One that has ended and that nobody asks for does not. */
function lives(file: string): boolean {
  const pid = Number(readFileSync(file, 'utf8'));
  try {
    process.kill(pid, 0);
    return !existsSync(`/proc/${pid}/stat`) || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a program', () => {
  it('says what it says, and with which code it ends', async () => {
    expect(await shell('echo out; echo err >&2; exit 3')).toEqual({ code: 3, stdout: 'out\n', stderr: 'err\n' });
    await expect(runProgram('no-such-program', [], options)).rejects.toThrow('there is no no-such-program');
    await expect(shell('seq 10000')).rejects.toThrow('sh said more than 1000 bytes');
    const told = await shell('seq 10000 >&2', { onSign: () => undefined });
    expect([told.stderr.endsWith('\n10000\n'), told.stderr.length <= 1000]).toEqual([true, true]);
  });

  it('that is stopped may clean up, and takes with it what it has started, even what does not listen', async () => {
    const [pid, cleaned] = [join(folder, 'pid'), join(folder, 'cleaned')];
    const ending = new AbortController();
    const deaf = `sh -c 'trap "" TERM; echo $$ >${pid}; echo ready >&2; while :; do sleep 1; done'`;
    const running = shell(`trap 'echo >${cleaned}; exit 1' TERM; ${deaf} & wait`, {
      signal: ending.signal,
      onSign: () => ending.abort(new Error('it is not waited for any more')),
    });
    await expect(running).rejects.toThrow('it is not waited for any more');
    expect(readFileSync(cleaned, 'utf8')).toBe('\n');
    await expect.poll(() => lives(pid)).toBe(false);
  });

  it('that takes too long, and does not listen, is killed', async () => {
    await expect(shell(`trap '' TERM; while :; do sleep 1; done`, { timeoutMs: 50 })).rejects.toThrow(
      'sh had not ended after 0.05 s',
    );
  });

  it('that has ended is not waited for where something outside of its group holds its output', async () => {
    const pid = join(folder, 'pid');
    const ending = new AbortController();
    const running = shell(`setsid sh -c 'echo $$ >${pid}; echo ready >&2; exec sleep 60' & wait`, {
      signal: ending.signal,
      onSign: () => ending.abort(new Error('it is not waited for any more')),
    });
    await expect(running).rejects.toThrow('it is not waited for any more');
    process.kill(Number(readFileSync(pid, 'utf8')));
  });
});

describe.skipIf(noGit !== undefined)(`git${noGit === undefined ? '' : ` (skipped: ${noGit})`}`, () => {
  it('fetches on where one before it was killed and has left its locks', async () => {
    using repository = new GitRepository();
    const address = parseSource(repository.url);
    if (address.kind !== 'git') throw new TypeError('a repository is expected');
    const cache = join(folder, 'git');
    const first = repository.commit({ 'fleet.yaml': 'one' });
    expect((await new GitSource({ address, cache }).look(signal)).commit).toBe(first);
    for (const name of ['shallow.lock', 'refs/espalier/fleet.lock']) writeFileSync(join(cache, name), '');
    writeFileSync(join(cache, 'objects/pack/tmp_pack_a1b2c3'), 'half');
    const second = repository.commit({ 'fleet.yaml': 'two' });
    const source = new GitSource({ address, cache });
    const state = await source.look(signal);
    expect([state.commit, await source.read(state, signal)]).toEqual([second, 'two']);
    expect(() => readFileSync(join(cache, 'objects/pack/tmp_pack_a1b2c3'))).toThrow('ENOENT');
  });
});
