import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventLog } from './event-log.ts';

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-'));
  path = join(dir, 'events.jsonl');
});
afterEach(() => rm(dir, { recursive: true }));

describe('a log of events', () => {
  it.each([0, 1, 65_535, 65_536, 65_537, 200_000])('removes an unfinished last line of %i bytes', async (bytes) => {
    await new EventLog(path, () => 1).add({ message: 'whole' });
    const whole = await readFile(path, 'utf8');
    await writeFile(path, whole + 'x'.repeat(bytes));
    const log = new EventLog(path, () => 2);
    expect((await log.list()).map(({ message }) => message)).toEqual(['whole']);
    await Promise.all([log.add({ message: 'next' }), log.add({ message: 'last' })]);
    expect((await log.list()).map(({ message }) => message)).toEqual(['whole', 'next', 'last']);
    const lines = (await readFile(path, 'utf8')).split('\n');
    expect([`${lines[0]}\n`, lines.length]).toEqual([whole, 4]);
  });

  it('removes all of a file without a whole line', async () => {
    await writeFile(path, 'y'.repeat(70_000));
    const log = new EventLog(path, () => 1);
    await log.add({ message: 'first' });
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(2);
  });
});
