import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Timers } from '../timers.ts';
import { AuditLog, type AppendedFile, type AuditLogOptions } from './audit-log.ts';
import { entryOf, type AuditEntry, type AuditRecord } from './audit-record.ts';
import { readAudit } from './read-audit.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-audit-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const now = (): number => Date.UTC(2026, 10, 29, 12);

const event = (name: string): AuditEntry =>
  entryOf({ event: 'publish', time: now(), actor: 'store', result: 'done', name, version: 'abc' });

interface Heard {
  readonly problems: unknown[];
}

const options = (more: Partial<AuditLogOptions> = {}): AuditLogOptions & Heard => {
  const problems: unknown[] = [];
  return { folder, now, problems, onProblem: (error) => problems.push(error), ...more };
};

async function record(names: readonly string[], given = options()): Promise<void> {
  await using log = await AuditLog.open(given);
  for (const name of names) log.append(event(name));
}

async function read(): Promise<{ names: string[]; records: AuditRecord[]; problems: readonly string[] }> {
  const records: AuditRecord[] = [];
  const { problems } = await readAudit(folder, (each) => records.push(each));
  return {
    records,
    names: records.flatMap(({ event: kind, name }) => (kind === 'audit' ? ['*'] : [name ?? ''])),
    problems: problems.map(({ line, problem }) => `${line}: ${problem}`),
  };
}

const current = (): string => join(folder, 'audit.jsonl');

/** Timers that go off when the test says so. */
class ManualTimers implements Timers {
  readonly #tasks = new Set<() => void>();

  after(_ms: number, task: () => void): Disposable {
    this.#tasks.add(task);
    return { [Symbol.dispose]: () => void this.#tasks.delete(task) };
  }

  goOff(): void {
    const due = [...this.#tasks];
    this.#tasks.clear();
    for (const task of due) task();
  }
}

/** A file that takes so many bytes and no more, as a full disk does: also a part of a line. */
class FullDisk {
  left: number;
  content = '';

  constructor(left: number) {
    this.left = left;
  }

  readonly open = (): Promise<AppendedFile> =>
    Promise.resolve({
      write: async (bytes) => {
        if (this.left === 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
        const part = bytes.subarray(0, this.left);
        this.left -= part.length;
        this.content += Buffer.from(part).toString();
        return part.length;
      },
      sync: () => Promise.resolve(),
      close: () => Promise.resolve(),
    });
}

describe('AuditLog', () => {
  it('writes every event once and in order, over several openings', async () => {
    await record(['a', 'b']);
    await record(['c']);
    const { names, records, problems } = await read();
    expect(names).toEqual(['*', 'a', 'b', '*', 'c']);
    expect(records.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    expect(problems).toEqual([]);
  });

  it('keeps the fields of an event, and shortens what comes from outside', () => {
    const error = Object.assign(new Error('x'.repeat(5000)), { code: 'LORA_TENSORS_INVALID' });
    const entry = entryOf({
      event: 'quarantine',
      time: 0,
      actor: 'store',
      result: 'refused',
      name: 'a\nb\u2028c',
      version: 'new',
      previous: 'old',
      reason: 'why',
      error,
      details: { waited: 3 },
    });
    expect(entry).toMatchObject({
      time: '1970-01-01T00:00:00.000Z',
      digest: 'new',
      previous: 'old',
      code: 'LORA_TENSORS_INVALID',
      details: { waited: 3 },
    });
    expect(entry.message).toHaveLength(2001);
  });

  it('keeps texts with line breaks of any kind in one line', async () => {
    await record(['a\nb\r\u2028c']);
    expect(await read()).toMatchObject({ names: ['*', 'a\nb\r\u2028c'], problems: [] });
  });

  it('begins a new file when one is full, and goes on with the chain', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `n${i}`);
    await record(names, options({ maxBytes: 1000 }));
    await record(['last'], options({ maxBytes: 1000 }));
    expect((await readdir(folder)).length).toBeGreaterThan(4);
    expect(await read()).toMatchObject({ names: ['*', ...names, '*', 'last'], problems: [] });
  });

  it('goes on after a stop between the renaming of a full file and the next', async () => {
    await record(['a']);
    const full = join(folder, 'audit-000000000002.jsonl');
    await writeFile(full, await readFile(current()));
    await rm(current());
    await record(['b']);
    expect(await read()).toMatchObject({ names: ['*', 'a', '*', 'b'], problems: [] });
  });

  it('keeps the rest of a line that was cut off, wherever it was cut, and says so', async () => {
    await record(['a', 'b']);
    const whole = await readFile(current(), 'utf8');
    const last = whole.trimEnd().lastIndexOf('\n') + 1;
    for (let end = last + 1; end < whole.length; end += 7) {
      await rm(folder, { recursive: true });
      await record([]);
      await writeFile(current(), whole.slice(0, end));
      await record(['c']);
      const { names, records, problems } = await read();
      expect([names, problems]).toEqual([['*', 'a', '*', 'c'], []]);
      expect(records[2]).toMatchObject({ result: 'failed', message: expect.stringContaining('cut off') });
      const kept = (await readdir(folder)).filter((name) => name.startsWith('audit.torn-'));
      expect(await readFile(join(folder, kept[0] ?? ''), 'utf8')).toBe(whole.slice(last, end));
    }
  });

  it('keeps a file aside that has no line at all', async () => {
    await writeFile(current(), 'x'.repeat(300_000));
    await record(['a']);
    expect(await read()).toMatchObject({ names: ['*', 'a'], problems: [] });
    const kept = (await readdir(folder)).find((name) => name.startsWith('audit.torn-'));
    expect(await readFile(join(folder, kept ?? ''), 'utf8')).toHaveLength(300_000);
  });

  it('holds nobody up while the disk is full, says so once, and writes everything later', async () => {
    const [disk, timers] = [new FullDisk(300), new ManualTimers()];
    const given = options({ openFile: disk.open, timers });
    const log = await AuditLog.open(given);
    for (let i = 0; i < 5; i++) log.append(event(`n${i}`));
    await log.settled();
    expect(given.problems).toEqual([expect.objectContaining({ code: 'ENOSPC' })]);
    expect(disk.content.endsWith('\n')).toBe(false);
    timers.goOff();
    await log.settled();
    expect(given.problems).toHaveLength(1);
    disk.left = 100_000;
    timers.goOff();
    await log.settled();
    expect(given.problems).toEqual([expect.anything(), undefined]);
    await log[Symbol.asyncDispose]();
    await writeFile(current(), disk.content);
    expect(await read()).toMatchObject({ names: ['*', 'n0', 'n1', 'n2', 'n3', 'n4'], problems: [] });
  });

  it('counts what it could not keep', async () => {
    const [disk, timers] = [new FullDisk(0), new ManualTimers()];
    const log = await AuditLog.open(options({ openFile: disk.open, timers, maxWaiting: 20 }));
    for (let i = 0; i < 70; i++) log.append(event(`n${i}`));
    await log.settled();
    disk.left = Infinity;
    timers.goOff();
    await log.settled();
    await log[Symbol.asyncDispose]();
    await writeFile(current(), disk.content);
    const { names, records, problems } = await read();
    expect(problems).toEqual([]);
    // 20 with the opening; 51 were lost, and one record says so.
    expect(names).toHaveLength(21);
    expect(records.at(-1)).toMatchObject({ event: 'audit', details: { lost: 51 } });
  });

  it('ends although the disk is full', async () => {
    const disk = new FullDisk(100);
    const given = options({ openFile: disk.open, timers: new ManualTimers() });
    const log = await AuditLog.open(given);
    await log[Symbol.asyncDispose]();
    log.append(event('late'));
    expect(given.problems).toHaveLength(1);
  });
});

describe('readAudit', () => {
  const lines = async (): Promise<string[]> => (await readFile(current(), 'utf8')).trimEnd().split('\n');

  it.each([
    ['changed', (all: string[]) => all.with(1, (all[1] ?? '').replace('"a"', '"x"')), 3],
    ['removed', (all: string[]) => all.toSpliced(1, 1), 2],
    ['added', (all: string[]) => all.toSpliced(1, 0, all[1] ?? ''), 3],
    ['moved', (all: string[]) => [all[0] ?? '', all[2] ?? '', all[1] ?? '', ...all.slice(3)], 2],
  ])('finds a line that was %s', async (_what, change, line) => {
    await record(['a', 'b', 'c']);
    await writeFile(current(), `${change(await lines()).join('\n')}\n`);
    expect((await read()).problems[0]).toMatch(new RegExp(`^${line}: `));
  });

  it('finds a line that is no record, and one that is cut off', async () => {
    await record(['a']);
    await appendFile(current(), 'no record\n{"seq"');
    expect((await read()).problems).toEqual(['3: it is no record', '4: it is cut off']);
  });

  it('reads a line of any length without keeping it', async () => {
    await appendFile(current(), `${'x'.repeat(1_000_000)}\n`);
    expect((await read()).problems).toEqual(['1: it is cut off']);
  });

  it('says where a record begins whose older files were taken away', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `n${i}`);
    await record(names, options({ maxBytes: 1000 }));
    const [oldest = ''] = (await readdir(folder)).sort();
    await rm(join(folder, oldest));
    const report = await readAudit(folder, () => undefined);
    expect(report.first).toBeGreaterThan(1);
    expect(report.problems).toEqual([]);
  });

  it('says that there is no record', async () => {
    await expect(readAudit(folder, () => undefined)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await expect(readAudit(current(), () => undefined)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});
