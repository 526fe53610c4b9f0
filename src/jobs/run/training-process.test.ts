import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { lifeOf } from '../../atomic-files/index.ts';
import { createStart, type StartTraining } from './training-process.ts';

/** Tells what it is, and ends with its input; or takes memory. */
const program = `
const { getPriority } = require('node:os');
const espalier = Object.keys(process.env).filter((name) => name.startsWith('ESPALIER_')).sort();
console.log(JSON.stringify({ priority: getPriority(), espalier, words: process.argv.slice(2) }));
if (process.argv[2] === 'take') {
  const taken = [];
  for (let at = 0; at < 8; at++) taken.push(Buffer.alloc(2 ** 26, 1));
  process.exit(taken.length);
}
process.stdin.on('end', () => { console.log('the last line'); process.exitCode = 130; }).resume();
`;

vi.setConfig({ testTimeout: 60_000 });

let dir: string;
let start: StartTraining;
let lines: string[];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
  await writeFile(join(dir, 'program.cjs'), program);
  start = createStart(join(dir, 'program.cjs'));
});
afterAll(() => rm(dir, { recursive: true }));

function run(words: readonly string[], memory?: number): ReturnType<StartTraining> {
  lines = [];
  return start({ words, memory, onLine: (line) => void lines.push(line) });
}

describe('a process that trains', () => {
  it('has the lowest priority and no secret, and ends with its input after its last line', async () => {
    vi.stubEnv('ESPALIER_ADMIN_KEY', 'a');
    vi.stubEnv('ESPALIER_WEBHOOK_SECRET', 'b');
    vi.stubEnv('ESPALIER_OTHER', 'c');
    // WHY not this name alone: whoever runs the tests may have set others.
    const given = Object.keys(process.env).filter((name) => name.startsWith('ESPALIER_'));
    const training = run(['train', '--base', 'a b"c']);
    vi.unstubAllEnvs();
    await vi.waitFor(() => expect(lines).toHaveLength(1), 20_000);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      priority: constants.priority.PRIORITY_LOW,
      espalier: given.filter((name) => name !== 'ESPALIER_ADMIN_KEY' && name !== 'ESPALIER_WEBHOOK_SECRET').sort(),
      words: ['train', '--base', 'a b"c'],
    });
    const mark = await training.mark;
    expect(await lifeOf(mark)).toBe('alive');
    training.stop();
    expect(await training.ended).toMatchObject({ code: 130, signal: null });
    expect([lines[1], await lifeOf(mark)]).toEqual(['the last line', 'dead']);
  });

  it('can be killed, also twice', async () => {
    const training = run([]);
    training.kill();
    training.kill();
    expect(await training.ended).toMatchObject({ code: null, signal: 'SIGKILL' });
    training.stop();
  });

  it.runIf(process.platform === 'linux')('may take so much memory and no more', async () => {
    const enough = run(['take'], 2 ** 30);
    expect(await enough.ended).toMatchObject({ code: 8 });
    const little = run(['take'], 2 ** 28);
    const { code, words } = await little.ended;
    expect([code === 8, words]).toEqual([false, expect.stringMatching(/alloc|memory/i)]);
  });

  it('that cannot be started says why', async () => {
    const training = createStart(join(dir, 'none.cjs'))({ words: [], memory: undefined, onLine: () => undefined });
    const { code, words } = await training.ended;
    expect([code, words]).toEqual([1, expect.stringContaining('none.cjs')]);
  });
});
