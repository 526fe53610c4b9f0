import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mkdtempSync, rmSync, writeFileSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdapterEvent, onAdapterEvent } from '../../core/index.ts';
import { GitSource, parseSource } from '../../fleet/index.ts';
import { createKey, GitRepository, noGit, noSshKeygen } from '../../fleet/testing/git-repository.ts';
import { adapterFiles, digestOf, manifestOf } from '../../fleet/testing/manifests.ts';
import { FleetHouse, namesOf, type Process } from '../testing/fleet-house.ts';

let folder: string;
let repository: GitRepository;
let house: FleetHouse;
let process: Process | undefined;
let events: AdapterEvent[];
let listening: Disposable;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'espalier-fleet-'));
  if (noGit === undefined) repository = new GitRepository();
  house = new FleetHouse();
  events = [];
  listening = onAdapterEvent((event) => event.event === 'fleet' && events.push(event));
});
afterEach(async () => {
  await process?.end();
  process = undefined;
  listening[Symbol.dispose]();
  if (noGit === undefined) repository[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

function sourceOf(signers?: string): GitSource {
  const address = parseSource(repository.url);
  if (address.kind !== 'git') throw new TypeError('a repository is expected');
  return new GitSource({ address, cache: join(folder, 'git'), signers });
}

async function start(signers?: string): Promise<Process> {
  process = await house.start(sourceOf(signers));
  return process;
}

const steps = (): unknown[] => events.map(({ details }) => details?.['step']);
const versions = (names: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(names).map(([name, letter]) => [name, digestOf(letter)]));

describe.skipIf(noGit !== undefined)(
  `a fleet in a repository${noGit === undefined ? '' : ` (skipped: ${noGit})`}`,
  () => {
    it('says which names a server must serve to be ready: those of the commit that is applied', async () => {
      const requiring = (names: Record<string, string>, one: string): string =>
        manifestOf(names).replace(`{name: ${one}, `, `{name: ${one}, required: true, `);
      repository.commit({ 'fleet.yaml': requiring({ one: 'a', two: 'b' }, 'two') });
      const running = await start();
      // The files are missing, so that nothing was applied.
      expect([namesOf(running), running.fleet.required()]).toEqual([{}, ['two']]);
      repository.commit({ ...adapterFiles('ab'), 'fleet.yaml': requiring({ one: 'a', two: 'b' }, 'one') });
      await running.fleet.look();
      expect([running.fleet.lastLook().sync, running.fleet.required()]).toEqual(['synced', ['one']]);
      repository.commit({ 'fleet.yaml': requiring({ one: 'a', two: 'z' }, 'two') });
      await running.fleet.look();
      expect([running.fleet.lastLook().sync, running.fleet.required()]).toEqual(['refused', ['one']]);
    });

    it('is applied at the start, followed, and says which commit it is', async () => {
      repository.commit({ ...adapterFiles('ab'), 'fleet.yaml': manifestOf({ one: 'a', two: 'b' }) });
      const running = await start();
      expect(namesOf(running)).toEqual(versions({ one: 'a', two: 'b' }));
      const commit = repository.commit(
        { ...adapterFiles('c'), 'fleet.yaml': manifestOf({ two: 'a', three: 'c' }) },
        { subject: 'Swap \u001b[31mtwo' },
      );
      await running.fleet.look();
      expect(namesOf(running)).toEqual(versions({ two: 'a', three: 'c' }));
      const status = await running.fleet.status();
      expect([status.sync, status.applied?.commit, status.applied?.author, status.applied?.subject]).toEqual([
        'synced',
        commit,
        'Ada',
        'Swap  [31mtwo',
      ]);
      expect(status.rows.map(({ kind }) => kind)).toEqual(['in_sync', 'in_sync']);
      expect(steps()).toEqual(['applied', 'applied']);
    });

    it('puts back what others change, and says who did, unless it is paused', async () => {
      repository.commit({ ...adapterFiles('ab'), 'fleet.yaml': manifestOf({ one: 'a', two: 'b' }) });
      const { fleet, control, registry } = await start();
      await control.move('one', digestOf('b'), { cause: { actor: 'key ada', reason: 'ticket 17' } });
      await control.remove('two', { cause: { actor: 'key bob' } });
      const status = await fleet.status();
      expect(status.sync).toBe('drifted');
      expect(status.rows.map(({ name, kind, live }) => [name, kind, live?.changed?.by])).toEqual([
        ['one', 'different', 'key ada'],
        ['two', 'missing', undefined],
      ]);
      await fleet.look();
      expect(namesOf({ registry })).toEqual(versions({ one: 'a', two: 'b' }));
      expect(steps()).toEqual(['applied', 'drift', 'restored']);
      expect(events[1]?.reason).toContain('last changed by key ada');
      await fleet.pause({ actor: 'key ada', reason: 'an incident' });
      await control.move('one', digestOf('b'), {});
      repository.commit({ 'fleet.yaml': manifestOf({ two: 'a' }) });
      await fleet.look();
      expect(namesOf({ registry })).toEqual(versions({ one: 'b', two: 'b' }));
      expect((await fleet.status()).paused).toMatchObject({ by: 'key ada', reason: 'an incident' });
      await fleet.resume({ actor: 'key ada' });
      expect(namesOf({ registry })).toEqual(versions({ two: 'a' }));
    });

    it('serves on without the repository, over a restart too, and converges when it is back', async () => {
      repository.commit({ ...adapterFiles('ab'), 'fleet.yaml': manifestOf({ one: 'a' }) });
      const first = await start();
      const { dir } = repository;
      rmSync(`${dir}-away`, { recursive: true, force: true });
      const { renameSync } = await import('node:fs');
      renameSync(dir, `${dir}-away`);
      try {
        house.now += 65_000;
        await first.fleet.look();
        await first.fleet.look();
        expect((await first.fleet.status()).sync).toBe('stale');
        expect(first.fleet.facts().ageSeconds).toBe(65);
        expect(steps()).toEqual(['applied', 'unreachable']);
        await first.end();
        house.now += 10_000;
        const second = await start();
        await second.fleet.look();
        expect(namesOf(second)).toEqual(versions({ one: 'a' }));
        expect(second.fleet.facts().ageSeconds).toBe(75);
      } finally {
        renameSync(`${dir}-away`, dir);
      }
      repository.commit({ 'fleet.yaml': manifestOf({ one: 'b' }) });
      await process?.fleet.look();
      expect(process && namesOf(process)).toEqual(versions({ one: 'b' }));
      expect(process?.fleet.facts().unreachable).toBeUndefined();
    });

    it('takes the files of adapters out of a subfolder, and follows no link out of the repository', async () => {
      repository.commit({ 'eu/adapters/a': 'a', 'eu/fleet.yaml': manifestOf({ one: 'a' }) });
      const address = parseSource(`${repository.url}#eu`);
      if (address.kind !== 'git') throw new TypeError('a repository is expected');
      process = await house.start(new GitSource({ address, cache: join(folder, 'git') }));
      expect(namesOf(process)).toEqual(versions({ one: 'a' }));
      const { symlinkSync } = await import('node:fs');
      writeFileSync(join(folder, 'secret'), 'b');
      symlinkSync(join(folder, 'secret'), join(repository.dir, 'eu/adapters/b'));
      repository.commit({ 'eu/fleet.yaml': manifestOf({ one: 'b' }) });
      await process.fleet.look();
      expect(namesOf(process)).toEqual(versions({ one: 'a' }));
      expect((await process.fleet.status()).refused?.error).toMatchObject({ code: 'FLEET_DIGEST_MISMATCH' });
    });
  },
);

describe.skipIf(noGit !== undefined)('a bad commit', () => {
  it('changes nothing and is named, until a better one comes', async () => {
    const first = repository.commit({ ...adapterFiles('ab'), 'fleet.yaml': manifestOf({ one: 'a' }) });
    const { fleet, registry } = await start();
    const before = registry.list();
    const second = repository.commit({ 'fleet.yaml': manifestOf({ one: 'a', two: 'z' }) });
    await fleet.look();
    await fleet.look();
    const status = await fleet.status();
    expect(registry.list()).toBe(before);
    expect([status.sync, status.applied?.commit, status.refused?.commit]).toEqual(['refused', first, second]);
    expect(status.refused?.error).toMatchObject({ code: 'FLEET_ADAPTER_MISSING' });
    // Told once, however often it is looked at.
    expect(steps()).toEqual(['applied', 'refused']);
    repository.git('rm', '--quiet', 'fleet.yaml');
    repository.commit({});
    await fleet.look();
    expect((await fleet.status()).refused?.error).toMatchObject({ code: 'FLEET_INVALID' });
    repository.commit({ 'fleet.yaml': manifestOf({ one: 'b' }) });
    await fleet.look();
    expect([namesOf({ registry }), (await fleet.status()).refused]).toEqual([versions({ one: 'b' }), undefined]);
  });
});

describe.skipIf(noSshKeygen !== undefined)('the signature of a commit', () => {
  const files = { ...adapterFiles('ab'), 'fleet.yaml': manifestOf({ one: 'a' }) };
  const signersOf = (key: string): string => {
    const file = join(folder, 'signers');
    writeFileSync(file, `ada@example.com namespaces="git" ${readFileSync(`${key}.pub`, 'utf8')}`);
    return file;
  };

  it('lets the commit of a signer in', async () => {
    const key = createKey(folder, 'ada');
    repository.commit(files, { key });
    expect(namesOf(await start(signersOf(key)))).toEqual(versions({ one: 'a' }));
  });

  it.each([
    ['is not signed', undefined, 'it is not signed'],
    ['is signed by another key', 'eve', 'not in the list of signers'],
  ])('keeps a commit out that %s', async (_what, signer, text) => {
    const key = createKey(folder, 'ada');
    const other = signer === undefined ? {} : { key: createKey(folder, signer) };
    repository.commit(files, { key });
    const { fleet, registry } = await start(signersOf(key));
    const before = registry.list();
    repository.commit({ 'fleet.yaml': manifestOf({ one: 'b' }) }, other);
    await fleet.look();
    expect(registry.list()).toBe(before);
    const { error } = (await fleet.status()).refused ?? {};
    expect(error).toMatchObject({ code: 'FLEET_SIGNATURE_INVALID', message: expect.stringContaining(text) as string });
  });

  it('keeps a commit out whose key has expired by now, whatever date the commit has', async () => {
    const key = createKey(folder, 'ada');
    const list = signersOf(key);
    writeFileSync(list, readFileSync(list, 'utf8').replace('namespaces', 'valid-before="20250101Z",namespaces'));
    const address = parseSource(repository.url);
    if (address.kind !== 'git') throw new TypeError('a repository is expected');
    let now = Date.UTC(2024, 11, 31);
    const source = new GitSource({ address, cache: join(folder, 'git'), signers: list, now: () => now });
    const dated = { key, date: '2024-06-01T12:00:00Z' };
    repository.commit(files, dated);
    process = await house.start(source);
    const { fleet, registry } = process;
    expect(namesOf({ registry })).toEqual(versions({ one: 'a' }));
    now = Date.UTC(2025, 0, 1);
    repository.commit({ 'fleet.yaml': manifestOf({ one: 'b' }) }, dated);
    await fleet.look();
    expect([(await fleet.status()).refused?.error, namesOf({ registry })]).toMatchObject([
      { code: 'FLEET_SIGNATURE_INVALID', message: expect.stringContaining('has expired') as string },
      versions({ one: 'a' }),
    ]);
  });

  it('keeps a commit out whose content was changed after it was signed', async () => {
    const key = createKey(folder, 'ada');
    repository.commit(files, { key });
    repository.forge((raw) => raw.replace('a change', 'b change'));
    const { fleet, registry } = await start(signersOf(key));
    expect(registry.list()).toEqual([]);
    expect((await fleet.status()).refused?.error).toMatchObject({ code: 'FLEET_SIGNATURE_INVALID' });
  });

  it('keeps a commit out that is signed in another form, whatever the machine trusts', async () => {
    const key = createKey(folder, 'ada');
    repository.commit(files, { key });
    repository.forge((raw) => raw.replaceAll('SSH SIGNATURE', 'PGP SIGNATURE'));
    const { fleet } = await start(signersOf(key));
    const { error } = (await fleet.status()).refused ?? {};
    expect(error).toMatchObject({ message: expect.stringContaining('names SSH keys only') as string });
  });
});
