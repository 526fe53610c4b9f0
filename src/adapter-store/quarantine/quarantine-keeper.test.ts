import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AuditRecord } from '../audit/audit-record.ts';
import { readAudit } from '../audit/read-audit.ts';
import { StoreUnderTest } from '../testing/store-under-test.ts';
import { write, writeNotFinite } from '../testing/test-adapters.ts';

let tested: StoreUnderTest;
beforeEach(async () => {
  tested = await StoreUnderTest.create();
});
afterEach(() => tested[Symbol.asyncDispose]());

describe('a quarantine that is kept small', () => {
  /** Refused one after the other, on days that follow each other. */
  const refuse = async (names: readonly string[]): Promise<void> => {
    for (const name of names) {
      today += day;
      await writeNotFinite(join(tested.elsewhere, `bad-${name}`));
      await rename(join(tested.elsewhere, `bad-${name}`), tested.incoming(name));
      await tested.until(async () => (await readdir(tested.incoming())).length === 0, 'the refusal');
    }
  };
  const kept = async (): Promise<string[]> =>
    Promise.all((await readdir(tested.at('quarantine'))).map(nameIn)).then((names) => names.sort());
  const day = 86_400_000;
  let today = Date.UTC(2026, 0, 1);
  const now = (): number => today;

  it('loses the oldest, but never what a person has pinned, nor what keeps a version out of use', async () => {
    await tested.open({ quarantineKeep: { count: 2 }, now });
    const { digest: version } = await tested.store.put('policy', await write(join(tested.elsewhere, 'put'), 1));
    await tested.store.quarantine('policy', version, { error: new Error('it answers nonsense') });
    await refuse(['a', 'b']);
    const folders = await readdir(tested.at('quarantine'));
    await writeFile(tested.at('quarantine', folders.find((name) => name.startsWith('a-')) ?? '', '.keep'), '');
    await mkdir(tested.at('quarantine', 'notes of a person'));
    await refuse(['c', 'd']);
    await tested.store.settled();
    expect(await readdir(tested.at('quarantine'))).toContain('notes of a person');
    await rm(tested.at('quarantine', 'notes of a person'), { recursive: true });
    expect(await kept()).toEqual(['a', 'c', 'd', 'policy']);
    expect(await tested.store.isQuarantined('policy', version)).toBe(true);
    const discarded = tested.events.filter(({ event }) => event === 'discard');
    expect(discarded).toMatchObject([{ name: 'b', actor: 'store', result: 'done', reason: 'more than 2 are there' }]);
    const records: AuditRecord[] = [];
    await readAudit(tested.dir, (record) => records.push(record));
    expect(records.filter(({ event }) => event === 'discard')).toMatchObject([{ name: 'b' }]);
  });

  it('loses what has grown old, at the start and while nothing happens', async () => {
    await tested.open({ now });
    await refuse(['a', 'b', 'c']);
    await tested.reopen({ quarantineKeep: { ageMs: 1.5 * day }, now });
    await tested.store.settled();
    expect(await kept()).toEqual(['b', 'c']);
    today += day;
    tested.time.pass(3_600_000);
    await tested.store.settled();
    expect(await kept()).toEqual(['c']);
  });
});

/** The name that a folder of the quarantine is about. */
async function nameIn(folder: string): Promise<string> {
  const text = await readFile(tested.at('quarantine', folder, 'reason.json'), 'utf8');
  return (JSON.parse(text) as { readonly name: string }).name;
}
