import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeTimers } from '../../core/testing/fake-timers.ts';
import { GitRepository, noGit } from '../testing/git-repository.ts';
import type { SourceState } from './fleet-source.ts';
import { GitSource } from './git-source.ts';
import { parseSource } from './parse-source.ts';

/**
 * Stands for ssh: runs the command of the far side here. What each connection does is a line of a file, `well` or `silent`, and the last
 * connection's line counts for all behind it.
 */
const fakeSsh = `
[ "$1" = -G ] && exit 0
for command; do :; done
echo "$$" >>"$PLAYED/connections"
number=$(wc -l <"$PLAYED/connections")
[ "$(sed -n "\${number}p" "$PLAYED/lines")" = silent ] && exec sleep 600
eval "exec $command"
`;

describe.skipIf(noGit !== undefined)(`a repository${noGit === undefined ? '' : ` (skipped: ${noGit})`}`, () => {
  let folder: string;
  let repository: GitRepository;
  let time: FakeTimers;
  let ending: AbortController;
  const before = process.env['GIT_SSH_COMMAND'];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'espalier-source-'));
    repository = new GitRepository();
    repository.commit({ 'fleet.yaml': 'one' });
    time = new FakeTimers();
    ending = new AbortController();
    writeFileSync(join(folder, 'ssh'), fakeSsh);
    writeFileSync(join(folder, 'connections'), '');
    process.env['GIT_SSH_COMMAND'] = `PLAYED='${folder}' sh '${folder}/ssh'`;
  });
  afterEach(() => {
    if (before === undefined) delete process.env['GIT_SSH_COMMAND'];
    else process.env['GIT_SSH_COMMAND'] = before;
    repository[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  const connections = (): readonly string[] =>
    readFileSync(join(folder, 'connections'), 'utf8').split('\n').slice(0, -1);
  async function hasConnected(times: number): Promise<void> {
    await expect.poll(() => connections().length, { timeout: 30_000 }).toBe(times);
  }
  function look(...lines: readonly string[]): Promise<SourceState> {
    appendFileSync(join(folder, 'lines'), `${lines.join('\n')}\n`);
    const address = parseSource(`ssh://host${repository.dir}`);
    if (address.kind !== 'git') throw new TypeError('a repository is expected');
    const source = new GitSource({ address, cache: join(folder, 'git'), clock: time, timers: time });
    return source.look(ending.signal);
  }
  /** The connections that have not ended, of those that were silent. */
  const open = (): readonly string[] => connections().filter((pid) => commandOf(pid).includes('sleep'));

  it('that is silent is asked again over a new connection, and the silent one is ended', async () => {
    const looking = look('silent', 'well', 'well');
    await hasConnected(1);
    await time.advanceInTurns(2000);
    expect((await looking).commit).toBe(repository.git('rev-parse', 'HEAD').trim());
    expect(connections().length).toBe(3);
    await expect.poll(open).toEqual([]);
  });

  it('is fetched anew over a new connection where one was cut in the middle', async () => {
    const looking = look('well', 'silent', 'silent', 'well', 'well');
    await hasConnected(2);
    await time.advanceInTurns(3000);
    await hasConnected(3);
    await time.advanceInTurns(2000);
    expect((await looking).commit).toBe(repository.git('rev-parse', 'HEAD').trim());
    expect(connections().length).toBe(5);
    await expect.poll(open).toEqual([]);
  });

  it('that stays silent is said to be, and leaves no connection', async () => {
    const looking = look('silent', 'silent', 'silent', 'silent');
    const problem = looking.catch((error: Error) => error.message);
    for (const times of [1, 2, 3]) {
      await hasConnected(times);
      await time.advanceInTurns(2000);
    }
    await hasConnected(4);
    ending.abort(new Error('the server ends'));
    expect(await problem).toBe('the server ends');
    await expect.poll(open).toEqual([]);
  });
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
