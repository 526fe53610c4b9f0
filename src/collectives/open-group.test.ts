import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GroupEnvironment } from './group-settings.ts';
import { openGroup } from './open-group.ts';
import type { ProcessGroup } from './process-group.ts';
import { onAll } from './testing/group-here.ts';
import { freePort } from './transport/tcp/free-port.ts';

let folder: string;
let keyFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-group-'));
  keyFile = join(folder, 'group.key');
  await writeFile(keyFile, 'a key of sixteen and more\n');
});
afterAll(() => rm(folder, { recursive: true }));

/** The same for all ranks, and something of its own for one. */
interface Environments {
  readonly common?: GroupEnvironment;
  readonly own?: Readonly<Record<number, GroupEnvironment>>;
  readonly worldSize?: number;
  readonly warnings?: string[];
}

async function open({ common = {}, own = {}, worldSize = 2, warnings = [] }: Environments) {
  const master = { WORLD_SIZE: String(worldSize), MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
  const limits = { ESPALIER_GROUP_JOIN_TIMEOUT: '5' };
  const opened = Array.from({ length: worldSize }, (_, rank) =>
    openGroup({
      environment: { ...master, ...limits, RANK: String(rank), ...common, ...own[rank] },
      onWarning: (text) => warnings.push(text),
    }),
  );
  return Promise.allSettled(opened);
}

/** Opens all ranks, lets them sum their numbers, and closes them. */
async function sumOf(environments: Environments): Promise<readonly (number | string)[]> {
  const settled = await open(environments);
  const groups = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const sum = async (group: ProcessGroup): Promise<number> => {
    const values = Float32Array.of(group.rank + 1);
    await group.allReduce(values);
    return values[0] ?? NaN;
  };
  const problems = settled.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
  const sums = problems.length > 0 ? [] : await onAll(groups, sum);
  await onAll(groups, (group) => group.close());
  return [...sums, ...problems];
}

const key = 'sixteen letters and more';

const pem = (name: string): string =>
  fileURLToPath(new URL(`../http/testing/certificates/${name}.pem`, import.meta.url));
/** A certificate that signs itself is its own authority. */
const tls = (name: string, authority = name): GroupEnvironment => ({
  ESPALIER_GROUP_TLS_CERT: pem(name),
  ESPALIER_GROUP_TLS_KEY: pem(`${name}-key`),
  ESPALIER_GROUP_TLS_CA: pem(authority),
});

describe('openGroup', () => {
  it('is a group of one where the environment names none, or one process', async () => {
    for (const environment of [{}, { RANK: '0', WORLD_SIZE: '1' }]) {
      const group = await openGroup({ environment });
      expect([group.transport, group.rank, group.worldSize]).toEqual(['alone', 0, 1]);
      await group.close();
    }
  });

  it('needs no key on this machine alone', async () => {
    expect(await sumOf({ worldSize: 3 })).toEqual([6, 6, 6]);
  });

  it('takes a key, or the same from a file', async () => {
    const file = { ESPALIER_GROUP_KEY_FILE: keyFile };
    const text = { ESPALIER_GROUP_KEY: 'a key of sixteen and more' };
    expect(await sumOf({ own: { 0: file, 1: text } })).toEqual([3, 3]);
  });

  it('takes the sockets that it is told, also others on each rank', async () => {
    const [node, system] = [{ ESPALIER_GROUP_SOCKETS: 'node' }, { ESPALIER_GROUP_SOCKETS: 'system' }];
    expect(await sumOf({ own: { 0: node, 1: system } })).toEqual([3, 3]);
  });

  it('listens where it is told to', async () => {
    const bind = { ESPALIER_GROUP_BIND: '0.0.0.0' };
    expect(await sumOf({ common: { ESPALIER_GROUP_KEY: key }, own: { 0: bind, 1: bind } })).toEqual([3, 3]);
  });

  it.each<[string, GroupEnvironment, string]>([
    ['both a key and a file', { ESPALIER_GROUP_KEY: key, ESPALIER_GROUP_KEY_FILE: 'x' }, 'without ESPALIER_GROUP_KEY'],
    ['a short key', { ESPALIER_GROUP_KEY: 'fifteen letters' }, 'at least 16 characters, got 15'],
    ['a file that is not there', { ESPALIER_GROUP_KEY_FILE: '/nowhere/key' }, '/nowhere/key (ENOENT'],
    ['an address that others reach, without a key', { ESPALIER_GROUP_BIND: '0.0.0.0' }, 'ranks meet at 0.0.0.0'],
    ['another machine without a key', { MASTER_ADDR: '192.0.2.1' }, 'ranks meet at 192.0.2.1'],
    ['a name that there is not, without a key', { MASTER_ADDR: 'nowhere.invalid' }, 'ranks meet at nowhere.invalid'],
    ['half of TLS', { ESPALIER_GROUP_TLS_CERT: 'x' }, 'ESPALIER_GROUP_TLS_KEY, ESPALIER_GROUP_TLS_CA'],
    ['a time that is none', { ESPALIER_GROUP_TIMEOUT: 'soon' }, 'ESPALIER_GROUP_TIMEOUT'],
    ['no time at all', { ESPALIER_GROUP_JOIN_TIMEOUT: '0' }, 'ESPALIER_GROUP_JOIN_TIMEOUT'],
    ['no silence', { ESPALIER_GROUP_SILENCE: '-1' }, 'ESPALIER_GROUP_SILENCE'],
    [
      'sockets that there are not',
      { RANK: '1', ESPALIER_GROUP_SOCKETS: 'quic' },
      'ESPALIER_GROUP_SOCKETS of rank 1 expects node, system, or not to be set, got "quic"',
    ],
    ['sockets without a name', { ESPALIER_GROUP_SOCKETS: '' }, 'ESPALIER_GROUP_SOCKETS of rank 0 expects node'],
  ])('refuses %s, before anything else', async (_, common, problem) => {
    const environment = { RANK: '0', WORLD_SIZE: '2', MASTER_ADDR: '127.0.0.1', MASTER_PORT: '1', ...common };
    const opened = openGroup({ environment });
    await expect(opened).rejects.toMatchObject({ code: 'GROUP_SETTINGS_INVALID' });
    await expect(opened).rejects.toThrow(problem);
  });
});

describe('a group with certificates', () => {
  it('sums as any other', async () => {
    expect(await sumOf({ common: tls('one'), worldSize: 3 })).toEqual([6, 6, 6]);
  });
});

/** WHY at once: each waits until its rank 0 gives up. */
describe.concurrent('ranks that do not belong together', () => {
  const hurried = { ESPALIER_GROUP_JOIN_TIMEOUT: '1' };

  it('says what is wrong to both sides when keys differ', async () => {
    const own = { 0: { ESPALIER_GROUP_KEY: key, ...hurried }, 1: { ESPALIER_GROUP_KEY: `${key}!` } };
    const warnings: string[] = [];
    const [first, second] = await sumOf({ own, warnings });
    expect(first).toContain('missing: 1');
    expect(second).toContain('its key is another');
    expect(warnings.join()).toContain('its key is another');
  });

  it.each<[string, GroupEnvironment]>([
    ['that another authority signed', tls('two', 'one')],
    ['that is none', {}],
  ])('takes no rank with a certificate %s', async (_, other) => {
    const results = await sumOf({ common: hurried, own: { 0: tls('one'), 1: other } });
    expect(results).toHaveLength(2);
    expect(results[0]).toContain('missing: 1');
    expect(results[1]).toMatch(/^EspalierError: /);
  });

  it('takes no rank 0 with a certificate that another authority signed', async () => {
    const results = await sumOf({ common: hurried, own: { 0: tls('two', 'one'), 1: tls('one') } });
    expect(results).toHaveLength(2);
    expect(results[1]).toMatch(/self-signed|certificate/);
  });
});
