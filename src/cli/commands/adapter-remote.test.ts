import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../http/app.ts';
import { fakeContext } from '../../http/testing/fake-context.ts';
import { AdapterRegistry, createAdapterControl } from '../../routing/index.ts';
import { FakeArena, type FakeWeights } from '../../routing/testing/fake-arena.ts';
import { FakeStore } from '../../routing/testing/fake-store.ts';
import { espalier } from '../testing/run-espalier.ts';

const [first, second] = ['1', '2'].map((digit) => digit.repeat(64)) as [string, string];

let registry: AdapterRegistry<FakeWeights>;
let app: ReturnType<typeof createApp>;
let server: string;
let store: FakeStore;
let folder: string;
/** The uploads that came: the name and the files. */
let put: [name: string, files: string[]][];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-remote-'));
  put = [];
  registry = new AdapterRegistry(new FakeArena(), { memory: 1000 });
  store = new FakeStore([first, second], {
    staging: folder,
    put: async (name, path) => {
      const names = (await stat(path)).isDirectory() ? await readdir(path) : [basename(path)];
      put.push([name, names.toSorted()]);
      return { digest: first };
    },
  });
  const control = createAdapterControl({ registry, baseName: 'base', store });
  const context = { ...fakeContext(), control };
  app = createApp(context, { generation: context }, { adminKey: 'secret' });
  await app.listen({ host: '127.0.0.1', port: 0 });
  server = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  for (const digest of [first, second]) await control.move('org/support', digest, { cause: { actor: 'store' } });
});
afterEach(async () => {
  await app.close();
  registry.dispose();
  await rm(folder, { recursive: true });
});

function run(...words: string[]): ReturnType<typeof espalier> {
  return espalier(['adapter', ...words, '--server', server, '--admin-key', 'secret']);
}

const version = (): string | undefined => registry.info('org/support').version;

describe('espalier adapter, on a running server', () => {
  it('lists its names in columns', async () => {
    const { stdout, exitCode } = await run('list');
    expect(stdout).toBe(
      'NAME         VERSION       STATE    RANK  IN MEMORY  REQUESTS\n' +
        'org/support  222222222222  serving  64    -          0\n',
    );
    expect(exitCode).toBe(0);
    expect((await run('status')).stdout).toBe(stdout);
  });

  it('shows one with its history', async () => {
    await run('pin', 'org/support', '--reason', 'audit', '--weights');
    const { stdout } = await run('status', 'org/support');
    expect(stdout).toContain('org/support  serving, 1 kB of weights in memory');
    expect(stdout).toMatch(/pinned {4}by key \w{8} \(audit\), with its weights/);
    expect(stdout).toMatch(/history {3}\S+Z {2}222222222222 {2}by store\n {12}\S+Z {2}111111111111 {2}by store/);
  });

  it('shows where its weights lie, as far as they are in memory', async () => {
    expect((await run('status', 'org/support', '--shards')).stdout).toContain('its weights are not in memory');
    await run('pin', 'org/support', '--weights');
    const { stdout } = await run('status', 'org/support', '--shards');
    const [header, row] = stdout.trimEnd().split('\n').slice(-2);
    expect(header?.trim().split(/ {2,}/)).toEqual(['TENSOR', 'FILE OFFSET', 'ADDRESS', 'BYTES', 'ALIGNED']);
    expect(row?.split(/ +/)).toEqual([second, '8', '0x7f00', '64', '65']);
    expect((await run('status', 'org/support')).stdout).not.toContain('0x7f00');
  });

  it('moves a name by the beginning of a version, and rolls it back', async () => {
    expect((await run('publish', 'org/support', '111111')).stdout).toBe(`org/support is at ${first}\n`);
    expect(version()).toBe(first);
    const { stdout } = await run('rollback', 'org/support', '--reason', 'wrong tone', '--if-version', first, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ name: 'org/support', version: second });
    expect(registry.info('org/support').history[0]?.reason).toBe('wrong tone');
    await run('rollback', 'org/support', '--to', '111111');
    expect(version()).toBe(first);
  });

  it('sends a folder or a file', async () => {
    const peft = join(folder, 'peft');
    await mkdir(join(peft, 'checkpoint-1'), { recursive: true });
    for (const file of ['adapter_config.json', 'adapter_model.safetensors', '.hidden']) {
      await writeFile(join(peft, file), 'x');
    }
    expect((await run('upload', 'org/support', peft, '--reason', 'new')).stdout).toBe(`org/support is at ${first}\n`);
    expect([version(), registry.info('org/support').history[0]?.reason]).toEqual([first, 'new']);
    const file = join(folder, 'other.gguf');
    await writeFile(file, 'x');
    expect((await run('upload', 'other', file, '--no-publish')).stdout).toBe(`other has ${first} in the store\n`);
    expect(put).toEqual([
      ['org/support', ['adapter_config.json', 'adapter_model.safetensors']],
      ['other', ['other.gguf']],
    ]);
    expect(registry.has('other')).toBe(false);
    expect((await run('upload', 'other', join(folder, 'gone'))).stderr).toContain('FILE_NOT_FOUND');
  });

  it('pins, unpins and removes a name', async () => {
    expect((await run('pin', 'org/support')).stdout).toBe(`org/support stays at ${second}\n`);
    const refused = await run('delete', 'org/support');
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringMatching(/refused: .*\(adapter_pinned\)/)]);
    expect((await run('unpin', 'org/support')).stdout).toBe('org/support can move again\n');
    expect((await run('delete', 'org/support', '--if-version', '222222')).stdout).toBe('org/support is removed\n');
    expect(registry.list()).toEqual([]);
  });

  it('drains a name until the last request has ended, or only begins to', async () => {
    const lease = registry.acquire('org/support');
    expect((await run('drain', 'org/support', '--no-wait')).stdout).toContain('1 are under way');
    const waiting = run('drain', 'org/support');
    lease.dispose();
    expect((await waiting).stdout).toBe('org/support is drained\n');
    expect((await run('resume', 'org/support')).stdout).toBe('org/support takes requests\n');
    registry.acquire('org/support').dispose();
  });

  it.each<[words: string[], exitCode: number, says: RegExp]>([
    [['rollback', 'other'], 1, /No adapter named other is loaded/],
    [['rollback', 'org/support', '--to', '999999'], 2, /a version in the history of org\/support/],
    [['publish', 'org/support', '1'], 2, /first 6 characters/],
    [['rollback', 'org/support', '--if-version', first], 1, /precondition_failed/],
    [['rolback', 'org/support'], 2, /did you mean (adapter )?rollback/i],
    [['pin', 'org/support', '--wieghts'], 2, /--weights/],
    [['status', 'org/support', '--server', 'ftp://x'], 2, /the address of a server/],
  ])('says what is wrong with %j', async (words, exitCode, says) => {
    const own = words.includes('--server') ? espalier(['adapter', ...words]) : run(...words);
    const { exitCode: code, stderr } = await own;
    expect([code, stderr]).toEqual([exitCode, expect.stringMatching(says)]);
    expect(version()).toBe(second);
  });

  it('says that a server is not there, is another one, or wants another key', async () => {
    const wrong = await espalier(['adapter', 'list', '--server', server, '--admin-key', 'wrong']);
    expect([wrong.exitCode, wrong.stderr]).toEqual([1, expect.stringContaining('The API key is wrong')]);
    await app.close();
    const gone = await espalier(['adapter', 'list', '--server', server]);
    expect([gone.exitCode, gone.stderr]).toEqual([1, expect.stringContaining(`No answer came from ${server}`)]);
  });
});
