import { chmod, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EspalierError } from '../core/index.ts';
import { readAudit } from './audit/read-audit.ts';
import type { AuditRecord } from './audit/audit-record.ts';
import { AdapterStore } from './adapter-store.ts';
import { StoreUnderTest, TestUser } from './testing/store-under-test.ts';
import { drop, write, writeNotFinite } from './testing/test-adapters.ts';
import { until } from './testing/test-time.ts';

let tested: StoreUnderTest;
beforeEach(async () => {
  tested = await StoreUnderTest.create();
});
afterEach(() => tested[Symbol.asyncDispose]());

const codeOf = async (outcome: Promise<unknown>): Promise<string> =>
  outcome.then(
    () => 'done',
    (error: unknown) => (EspalierError.isInstance(error) ? error.code : String(error)),
  );

let count = 0;
const put = async (name: string, version: number): Promise<string> =>
  (await tested.store.put(name, await write(join(tested.elsewhere, `put-${count++}`), version))).digest;

const reasons = async (): Promise<Record<string, unknown>[]> => {
  const names = await readdir(tested.at('quarantine'));
  const read = names.map(async (name): Promise<Record<string, unknown>> =>
    JSON.parse(await readFile(tested.at('quarantine', name, 'reason.json'), 'utf8')),
  );
  return Promise.all(read);
};

describe('a store', () => {
  it('keeps a version read-only under its digest, with its facts, and a link from its name', async () => {
    await tested.open();
    const digest = await put('policy', 1);
    expect(await readlink(tested.at('active', 'policy'))).toBe(join('..', 'store', digest));
    const folder = tested.at('store', digest);
    expect((await stat(folder)).mode & 0o777).toBe(0o555);
    for (const name of await readdir(folder)) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o444);
    const facts: unknown = JSON.parse(await readFile(join(folder, 'verified.json'), 'utf8'));
    expect(facts).toMatchObject({ layout: 1, key: digest, digest, rank: 1, format: 'peft', context: 'base-1' });
  });

  it('serves after a restart what it served before, without reading an adapter', async () => {
    await tested.open();
    await put('policy', 1);
    await put('org/other', 2);
    await tested.reopen();
    expect(tested.user.reads).toEqual([]);
    expect([...tested.user.heard].sort()).toEqual(['org/other=2', 'policy=1']);
    expect([...tested.store.list().keys()].sort()).toEqual(['org/other', 'policy']);
  });

  it('verifies again what was verified against another base, and serves it only if it fits', async () => {
    await tested.open();
    await put('policy', 1);
    await tested.close();
    // The next server has another base.
    for (const refusal of [undefined, new EspalierError('LORA_BASE_MISMATCH', { path: 'p', base: '', problems: [] })]) {
      await using store = await AdapterStore.open({ dir: tested.dir, companions: { optional: [] }, watch: false });
      const user = new TestUser();
      user.context = refusal === undefined ? 'base-2' : 'base-3';
      user.refusal = refusal;
      await store.begin(user);
      expect(user.reads).toHaveLength(1);
      expect(user.heard).toEqual([refusal === undefined ? 'policy=1' : '!policy']);
    }
  });

  it('is used by one server at a time', async () => {
    await tested.open();
    const second = AdapterStore.open({ dir: tested.dir, companions: { optional: [] } });
    expect(await codeOf(second)).toBe('STORE_BUSY');
  });

  it('moves what is refused into quarantine with the reason, and serves the old version', async () => {
    await tested.open();
    await put('policy', 1);
    await writeNotFinite(join(tested.elsewhere, 'bad'));
    await rename(join(tested.elsewhere, 'bad'), tested.incoming('policy'));
    await tested.until(async () => (await readdir(tested.incoming())).length === 0, 'the refusal');
    expect(await reasons()).toMatchObject([{ name: 'policy', code: 'TENSOR_NOT_FINITE' }]);
    expect(tested.user.heard).toEqual(['policy=1']);
    const [folder = ''] = await readdir(tested.at('quarantine'));
    expect(await readdir(tested.at('quarantine', folder, 'policy'))).toContain('adapter_model.safetensors');
    expect(tested.events.at(-1)).toMatchObject({ event: 'quarantine', result: 'refused', name: 'policy' });
  });

  it.each([
    ['a name that no adapter can have', 'böse', 'STORE_NAME_INVALID'],
    ['a name that is as long as a file may have', 'ä'.repeat(127), 'STORE_NAME_INVALID'],
    ['a file of another kind', 'notes.txt', 'ADAPTER_FORMAT_UNKNOWN'],
    ['weights without a configuration', 'x.safetensors', 'ADAPTER_FORM_FOREIGN'],
  ])('refuses %s', async (_what, name, code) => {
    await tested.open();
    await writeFile(join(tested.root, name), 'content');
    await rename(join(tested.root, name), tested.incoming(name));
    await tested.until(async () => (await readdir(tested.incoming())).length === 0, 'the refusal');
    const entry = tested.incoming(name);
    expect(await reasons()).toMatchObject([{ code, entry }]);
    // The path of the copy tells nobody anything.
    expect(JSON.stringify(await reasons())).not.toContain('staging');
  });

  it('refuses what another checksum was promised for', async () => {
    await tested.open();
    const made = await write(join(tested.elsewhere, 'made'), 1);
    const sums = ['adapter_config.json', 'adapter_model.safetensors'].map((name) => `${'0'.repeat(64)}  ${name}\n`);
    await writeFile(join(made, 'SHA256SUMS'), sums.join(''));
    await rename(made, tested.incoming('policy'));
    await tested.until(async () => (await readdir(tested.incoming())).length === 0, 'the refusal');
    expect(await reasons()).toMatchObject([{ code: 'STORE_CHECKSUM_MISMATCH' }]);
    expect(tested.user.heard).toEqual([]);
  });

  it('gives up on a folder whose weights never come, and not before a minute', async () => {
    await tested.open();
    await mkdir(tested.incoming('policy'));
    await writeFile(tested.incoming('policy', 'adapter_config.json'), '{}');
    await tested.until(() => tested.time.now() > 50_000, 'most of a minute');
    expect(await readdir(tested.incoming())).toEqual(['policy']);
    await tested.rest();
    expect(await reasons()).toMatchObject([{ code: 'STORE_ENTRY_INCOMPLETE' }]);
  });

  it('tries again what failed through no fault of the adapter', async () => {
    await tested.open();
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC', errno: -28 });
    tested.user.refusal = full;
    await drop(tested.elsewhere, tested.incoming('policy'), 1);
    await tested.rest();
    expect(await reasons()).toEqual([]);
    expect(tested.events.filter(({ error }) => error === full)).toHaveLength(1);
    tested.user.refusal = undefined;
    await tested.rest();
    expect(tested.user.heard).toEqual(['policy=1']);
  });

  it('goes back when the server cannot take a version', async () => {
    await tested.open();
    const first = await put('policy', 1);
    tested.user.failure = new EspalierError('ADAPTER_RANK_TOO_LARGE', { name: 'policy', rank: 2, limit: 1 });
    expect(await codeOf(put('policy', 2))).toBe('ADAPTER_RANK_TOO_LARGE');
    expect(await codeOf(put('fresh', 3))).toBe('ADAPTER_RANK_TOO_LARGE');
    expect(await readdir(tested.at('active'))).toEqual(['policy']);
    expect(await readlink(tested.at('active', 'policy'))).toContain(first);
    expect(tested.store.list().get('policy')?.digest).toBe(first);
  });

  it('keeps versions with other tokenizers apart, and takes the same again as one', async () => {
    await tested.open();
    for (const [template, expected] of [
      ['a', 1],
      ['b', 2],
      ['b', 2],
    ] as const) {
      const made = await write(join(tested.elsewhere, `made-${count++}`), 1);
      await writeFile(join(made, 'chat_template.jinja'), template);
      await tested.store.put('policy', made);
      expect(await readdir(tested.at('store'))).toHaveLength(expected);
    }
    const key = (await readdir(tested.at('store'))).find((each) => tested.store.list().get('policy')?.key === each);
    expect(await readFile(tested.at('store', key ?? '', 'chat_template.jinja'), 'utf8')).toBe('b');
  });

  it('keeps the inner folder of further templates', async () => {
    await tested.open({ companions: { optional: [], inner: { name: 'templates', ending: '.jinja' } } });
    const made = await write(join(tested.elsewhere, 'made'), 1);
    await mkdir(join(made, 'templates'));
    for (const name of ['a.jinja', 'b.jinja', 'c.txt']) await writeFile(join(made, 'templates', name), name);
    await rename(made, tested.incoming('policy'));
    await tested.until(() => tested.user.heard.length > 0, 'the load');
    await tested.rest();
    const { key = '' } = tested.store.list().get('policy') ?? {};
    expect((await readdir(tested.at('store', key, 'templates'))).sort()).toEqual(['a.jinja', 'b.jinja']);
    expect(await readdir(tested.incoming())).toEqual([]);
    expect(tested.user.heard).toEqual(['policy=1']);
  });

  it('removes versions beyond those that it keeps, unless something still uses them', async () => {
    await tested.open({ keep: 2 });
    const digests: string[] = [];
    for (let version = 0; version < 5; version++) digests.push(await put('policy', version));
    expect((await readdir(tested.at('store'))).sort()).toEqual(digests.slice(3).sort());
    await put('other', 3);
    Object.assign(tested.user, { isInUse: (digest: string) => digest === digests[4] });
    for (let version = 5; version < 8; version++) await put('policy', version);
    const kept = await readdir(tested.at('store'));
    // One is another name's, one is in use, two are the newest.
    expect(kept).toHaveLength(4);
    expect(kept).toEqual(expect.arrayContaining([digests[3], digests[4]]));
  });

  it('writes down what happens', async () => {
    await tested.open();
    await put('policy', 1);
    const second = await put('policy', 2);
    await tested.close();
    const records: AuditRecord[] = [];
    const { problems } = await readAudit(tested.dir, (record) => records.push(record));
    expect(problems).toEqual([]);
    expect(records.map(({ event }) => event)).toEqual(['audit', 'store', 'verify', 'publish', 'verify', 'publish']);
    expect(records.at(-1)).toMatchObject({ name: 'policy', digest: second, actor: 'store', result: 'done' });
  });

  it('says once that it looks for changes by itself', async () => {
    await tested.open({ watch: false });
    await tested.rest();
    const told = tested.events.filter(({ event }) => event === 'store');
    expect(told).toMatchObject([{ reason: expect.stringContaining('it looks for changes every 1000 ms') }]);
  });
});

describe('activation', () => {
  it('moves a name only from the version that was expected', async () => {
    await tested.open();
    const [first, second] = [await put('policy', 1), await put('other', 2)];
    expect(await codeOf(tested.store.activate('policy', second, { expected: second }))).toBe(
      'ADAPTER_VERSION_CONFLICT',
    );
    expect(await codeOf(tested.store.activate('policy', second, { expected: 'none' }))).toBe(
      'ADAPTER_VERSION_CONFLICT',
    );
    expect(await codeOf(tested.store.activate('policy', second, { expected: first }))).toBe('done');
    expect(await codeOf(tested.store.withdraw('policy', { expected: first }))).toBe('ADAPTER_VERSION_CONFLICT');
    tested.user.keeping = new EspalierError('ADAPTER_PINNED', { name: 'policy', by: 'eve' });
    expect(await codeOf(tested.store.withdraw('policy'))).toBe('ADAPTER_PINNED');
    expect(await readlink(tested.at('active', 'policy'))).toBe(`../store/${second}`);
    expect(await codeOf(tested.store.activate('new', first, { expected: 'none' }))).toBe('done');
    expect(tested.user.heard).toEqual(['policy=1', 'other=2', 'policy=2', 'new=1']);
  });

  it('gives one of many that expect the same version the name', async () => {
    await tested.open();
    const first = await put('policy', 0);
    const others = await Promise.all([1, 2, 3, 4].map((version) => put(`other${version}`, version)));
    const outcomes = await Promise.all(
      others.map((digest) => codeOf(tested.store.activate('policy', digest, { expected: first }))),
    );
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
  });

  it('refuses versions that the store does not have', async () => {
    await tested.open();
    for (const version of ['0'.repeat(64), '../active', '']) {
      expect(await codeOf(tested.store.activate('policy', version))).toBe('STORE_VERSION_UNKNOWN');
    }
  });

  it('refuses a version in quarantine until a person clears it, and goes back to the one before', async () => {
    await tested.open();
    const [first, second] = [await put('policy', 1), await put('policy', 2)];
    const now = await tested.store.quarantine('policy', second, { error: new Error('it answers nonsense') });
    expect(now?.digest).toBe(first);
    expect(await codeOf(tested.store.activate('policy', second))).toBe('ADAPTER_QUARANTINED');
    expect(await codeOf(put('policy', 2))).toBe('ADAPTER_QUARANTINED');
    expect(await codeOf(tested.store.activate('other', second))).toBe('done');
    await tested.reopen();
    expect([...tested.user.heard].sort()).toEqual(['other=2', 'policy=1']);
    const [folder = ''] = await readdir(tested.at('quarantine'));
    await rm(tested.at('quarantine', folder), { recursive: true });
    expect(await codeOf(tested.store.activate('policy', second))).toBe('done');
  });
});

describe('the folder active, changed by hand', () => {
  it('withdraws a name whose link is removed', async () => {
    await tested.open();
    await put('policy', 1);
    await put('org/other', 2);
    await put('org/third', 3);
    await rm(tested.at('active', 'policy'));
    await tested.until(() => tested.user.heard.includes('-policy'), 'the withdrawal');
    await rm(tested.at('active', 'org', 'third'));
    await tested.until(() => tested.user.heard.includes('-org/third'), 'the withdrawal');
    await rm(tested.at('active', 'org'), { recursive: true });
    await tested.until(() => tested.user.heard.includes('-org/other'), 'the withdrawal');
    expect(tested.store.list().size).toBe(0);
  });

  it.runIf(process.platform === 'linux')('is followed as soon as the system tells of it', async () => {
    await tested.open();
    for (const [name, version] of [
      ['policy', 1],
      ['org/other', 2],
      ['org/third', 3],
    ] as const)
      await put(name, version);
    await tested.store.settled();
    // No time passes, so nothing is looked at by itself.
    await rm(tested.at('active', 'policy'));
    await until(() => tested.user.heard.includes('-policy'), 'the withdrawal');
    await rm(tested.at('active', 'org', 'third'));
    await until(() => tested.user.heard.includes('-org/third'), 'the withdrawal');
    await rm(tested.at('active', 'org'), { recursive: true });
    await until(() => tested.user.heard.includes('-org/other'), 'the withdrawal');
    expect(tested.time.now()).toBe(0);
  });

  it('asks again to withdraw a name that the server keeps, tells of it once, and follows the other names', async () => {
    await tested.open();
    await put('policy', 1);
    await put('other', 2);
    tested.user.keeping = new EspalierError('ADAPTER_PINNED', { name: 'policy', by: 'eve' });
    await rm(tested.at('active', 'policy'));
    await tested.rest();
    const told = tested.events.filter(({ result }) => result === 'refused');
    expect(told).toMatchObject([{ event: 'publish', name: 'policy', error: tested.user.keeping }]);
    expect(tested.user.serving.has('policy')).toBe(true);
    await symlink('../store/none', tested.at('active', 'strange'));
    await tested.until(() => tested.user.errors.has('strange'), 'the other name');
    tested.user.keeping = undefined;
    await tested.until(() => tested.user.heard.includes('-policy'), 'the withdrawal');
    expect([...tested.store.list().keys()]).toEqual(['other']);
  });

  it('serves a version to which a link is made, and follows a link that is exchanged', async () => {
    await tested.open();
    const [first, second] = [await put('policy', 1), await put('other', 2)];
    await symlink(`../store/${first}`, tested.at('active', 'made'));
    await tested.until(() => tested.user.heard.includes('made=1'), 'the activation');
    await symlink(`../store/${second}`, tested.at('active', '.next'));
    await rename(tested.at('active', '.next'), tested.at('active', 'made'));
    await tested.until(() => tested.user.heard.includes('made=2'), 'the second activation');
    await tested.rest();
    expect(tested.user.heard).toEqual(['policy=1', 'other=2', 'made=1', 'made=2']);
    expect((await tested.store.history('made')).map(({ key }) => key)).toEqual([second, first]);
    const published = tested.events.filter(({ event, name }) => event === 'publish' && name === 'made');
    expect(published).toMatchObject([{ version: first }, { version: second, previous: first }]);
  });

  it('leaves what is no link to a version as it is, tells it once, and serves what it served', async () => {
    await tested.open();
    await put('policy', 1);
    await writeFile(tested.at('active', 'file'), '');
    await symlink('/etc', tested.at('active', 'etc'));
    await symlink(`../store/${'0'.repeat(64)}`, tested.at('active', 'dangling'));
    await symlink('../store', tested.at('active', '.next'));
    await rename(tested.at('active', '.next'), tested.at('active', 'policy'));
    await tested.until(() => tested.user.errors.size === 3, 'three errors');
    await tested.rest();
    const codes = Object.fromEntries(
      [...tested.user.errors].map(([name, error]) => [name, (error as EspalierError).code]),
    );
    expect(codes).toEqual({
      file: 'STORE_ENTRY_STRANGE',
      etc: 'STORE_ENTRY_STRANGE',
      dangling: 'STORE_VERSION_UNKNOWN',
    });
    const refused = tested.events.filter(({ result, name }) => result === 'refused' && name === 'policy');
    expect(refused).toHaveLength(1);
    expect(tested.user.heard.filter((each) => each.endsWith('policy') || each.includes('='))).toEqual(['policy=1']);
    expect(tested.store.list().has('policy')).toBe(true);
    expect(await readdir(tested.at('active'))).toEqual(['dangling', 'etc', 'file', 'policy']);
    expect(await codeOf(put('file', 3))).toBe('STORE_ENTRY_STRANGE');
  });

  it('serves nothing whose record is damaged', async () => {
    await tested.open();
    const digest = await put('policy', 1);
    await tested.close();
    const path = tested.at('store', digest, 'verified.json');
    await chmod(path, 0o644);
    await writeFile(path, '{"layout": 1}');
    await tested.open();
    expect(tested.user.heard).toEqual(['!policy']);
    expect(tested.user.errors.get('policy')).toMatchObject({ code: 'ADAPTER_FACTS_INVALID' });
    await put('policy', 1);
    expect(tested.user.heard).toEqual(['!policy', 'policy=1']);
  });
});
