import { mkdir, readFile, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { HubSettings } from './hub-settings.ts';
import { pullModel, type PullEvent, type PullOptions } from './pull-model.ts';
import { commit, goldenFiles, name, noWait, openPlace, reference } from './testing/fixtures.ts';
import { gitSha1, refuse, sendBytes, sendPart, sha256 } from './testing/hub-server.ts';

const pull = (settings: HubSettings, options: PullOptions = {}) =>
  pullModel(reference, { settings, wait: noWait, ...options });

const weights = 'model.safetensors';
const cachedFolder = ({ cache }: HubSettings): string => join(cache, 'models--org--tiny-llama');

async function incompleteBlob(settings: HubSettings): Promise<string> {
  const bytes = (await goldenFiles())[weights] ?? new Uint8Array();
  return join(cachedFolder(settings), 'blobs', `${sha256(bytes)}.incomplete`);
}

async function readSnapshot(dir: string, files: Readonly<Record<string, Uint8Array>>, path: string): Promise<boolean> {
  return (await readFile(join(dir, path))).equals(files[path] ?? new Uint8Array());
}

describe('pullModel', () => {
  it("lays the files out as the hub's own tools do", async () => {
    await using place = await openPlace();
    const files = await goldenFiles();
    const { dir, ...pulled } = await pull(place.settings);
    const folder = cachedFolder(place.settings);
    expect(dir).toBe(join(folder, 'snapshots', commit));
    expect(await readFile(join(folder, 'refs', 'main'), 'utf8')).toBe(commit);
    const bytesOf = (file: string): Uint8Array => files[file] ?? new Uint8Array();
    const blobs = [
      gitSha1(bytesOf('config.json')),
      gitSha1(bytesOf('generation_config.json')),
      sha256(bytesOf(weights)),
    ];
    expect(await readlink(join(dir, 'config.json'))).toBe(`../../blobs/${blobs[0]}`);
    expect(await readlink(join(dir, weights))).toBe(`../../blobs/${blobs[2]}`);
    expect((await readdir(join(folder, 'blobs'))).sort()).toEqual([...blobs].sort());
    expect((await readdir(dir)).sort()).toEqual(['config.json', 'generation_config.json', weights]);
    expect(await readSnapshot(dir, files, weights)).toBe(true);
    expect(pulled).toMatchObject({ commit, files: 3, downloadedBytes: pulled.bytes });
  });

  it('asks for no file twice', async () => {
    await using place = await openPlace();
    await pull(place.settings);
    place.server.requests.length = 0;
    expect(await pull(place.settings)).toMatchObject({ downloadedBytes: 0, files: 3 });
    expect(place.server.downloads()).toEqual([]);
  });

  it('shares the bytes that two commits have in common', async () => {
    await using place = await openPlace();
    await pull(place.settings);
    const next = 'f'.repeat(40);
    place.server.requests.length = 0;
    place.server.options = {
      ...place.server.options,
      commit: next,
      files: { ...place.server.options.files, 'config.json': Buffer.from('{}') },
    };
    const { dir } = await pull(place.settings);
    expect(dir).toContain(next);
    expect(place.server.downloads().map(({ path }) => path)).toEqual([`/${name}/resolve/${next}/config.json`]);
    expect(await readFile(join(cachedFolder(place.settings), 'refs', 'main'), 'utf8')).toBe(next);
  });

  it.each(['v1.0', 'refs/pr/3'])('follows the revision %s', async (revision) => {
    await using place = await openPlace({ refs: { [revision]: commit } });
    const { dir } = await pullModel({ name, revision }, { settings: place.settings, wait: noWait });
    expect(dir).toContain(commit);
    expect(await readFile(join(cachedFolder(place.settings), 'refs', revision), 'utf8')).toBe(commit);
  });

  it('takes other weights where they are asked for, with the configuration', async () => {
    await using place = await openPlace();
    const { dir } = await pull(place.settings, { include: ['onnx/*', '*.bin'] });
    expect((await readdir(dir, { recursive: true })).sort()).toEqual(
      ['config.json', 'generation_config.json', 'onnx', 'onnx/model.onnx', 'pytorch_model.bin'].sort(),
    );
    expect(await readlink(join(dir, 'onnx/model.onnx'))).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\//);
  });

  it('takes one graph where there are no safetensors, with the files of its weights', async () => {
    const text = Buffer.from('x');
    const names = ['config.json', 'onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model_q4.onnx', 'model.bin'];
    await using place = await openPlace({ files: Object.fromEntries(names.map((path) => [path, text])) });
    const { dir } = await pull(place.settings);
    expect((await readdir(dir, { recursive: true })).sort()).toEqual([
      'config.json',
      'onnx',
      'onnx/model.onnx',
      'onnx/model.onnx_data',
    ]);
    await expect(pull({ ...place.settings, offline: true })).resolves.toMatchObject({ dir });
  });

  it('puts the files themselves in a folder, and knows them again', async () => {
    await using place = await openPlace();
    const dir = join(place.folder, 'here');
    await pull(place.settings, { dir });
    expect(await readSnapshot(dir, await goldenFiles(), weights)).toBe(true);
    await expect(readlink(join(dir, weights))).rejects.toThrow('EINVAL');
    await writeFile(join(dir, 'config.json'), 'changed by hand');
    place.server.requests.length = 0;
    await pull(place.settings, { dir });
    expect(place.server.downloads().map(({ path }) => path.split('/').at(-1))).toEqual(['config.json']);
    expect(await readSnapshot(dir, await goldenFiles(), 'config.json')).toBe(true);
  });

  it('counts the bytes as they come', async () => {
    await using place = await openPlace();
    const events: PullEvent[] = [];
    const { bytes } = await pull(place.settings, { onEvent: (event) => events.push(event) });
    expect(events[0]).toEqual({ kind: 'planned', commit, files: 3, missingBytes: bytes });
    expect(events.at(-1)).toMatchObject({ kind: 'received', doneBytes: bytes });
  });

  it('gives the token to the hub and to nobody else', async () => {
    await using place = await openPlace({ token: 'any-kind-of-token' });
    await pull({ ...place.settings, token: 'any-kind-of-token' });
    const given = new Map(place.server.requests.map(({ at, authorization }) => [at, authorization]));
    expect(given).toEqual(
      new Map([
        ['hub', 'Bearer any-kind-of-token'],
        ['storage', undefined],
      ]),
    );
  });
});

describe('a broken download', () => {
  it('goes on from where the connection broke', async () => {
    await using place = await openPlace();
    let breaks = 0;
    place.server.intercept = ({ at, range }, response, bytes = new Uint8Array()) => {
      if (at !== 'storage' || ++breaks > 3) return false;
      sendPart(response, bytes, { range, count: 20_000 });
      return true;
    };
    const { dir } = await pull(place.settings);
    expect(await readSnapshot(dir, await goldenFiles(), weights)).toBe(true);
    const starts = place.server.downloads().flatMap(({ at, range }) => (at === 'storage' ? [range] : []));
    expect(starts).toEqual([undefined, 'bytes=20000-', 'bytes=40000-', 'bytes=60000-']);
  });

  it('goes on in the next call, after an abort', async () => {
    await using place = await openPlace();
    const controller = new AbortController();
    place.server.intercept = ({ at }, response, bytes = new Uint8Array()) => {
      if (at !== 'storage') return false;
      response.writeHead(200, { 'Content-Length': bytes.byteLength });
      response.write(bytes.subarray(0, 30_000));
      return true;
    };
    const reason = new Error('enough');
    const onEvent = (event: PullEvent): void => {
      if (event.kind === 'received' && event.doneBytes >= 30_000) controller.abort(reason);
    };
    await expect(pull(place.settings, { signal: controller.signal, onEvent })).rejects.toBe(reason);
    expect((await readFile(await incompleteBlob(place.settings))).byteLength).toBe(30_000);
    place.server.intercept = () => false;
    const { dir } = await pull(place.settings);
    expect(place.server.downloads().at(-1)?.range).toBe('bytes=30000-');
    expect(await readSnapshot(dir, await goldenFiles(), weights)).toBe(true);
  });

  it('begins anew where the server knows no Range', async () => {
    await using place = await openPlace();
    const path = await incompleteBlob(place.settings);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, ((await goldenFiles())[weights] ?? new Uint8Array()).subarray(0, 500));
    place.server.intercept = ({ at }, response, bytes = new Uint8Array()) => {
      if (at !== 'storage') return false;
      sendBytes(response, bytes, undefined);
      return true;
    };
    expect(await readSnapshot((await pull(place.settings)).dir, await goldenFiles(), weights)).toBe(true);
  });

  it.each([
    { left: 'other bytes', content: Buffer.alloc(700, 7) },
    { left: 'more bytes than there should be', content: Buffer.alloc(200_000, 7) },
  ])('throws away $left that an earlier one left', async ({ content }) => {
    await using place = await openPlace();
    const path = await incompleteBlob(place.settings);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    expect(await readSnapshot((await pull(place.settings)).dir, await goldenFiles(), weights)).toBe(true);
  });

  it('is given up when not a byte comes any more, and keeps what came', async () => {
    await using place = await openPlace();
    let asked = 0;
    place.server.intercept = ({ at, range }, response, bytes = new Uint8Array()) => {
      if (at !== 'storage') return false;
      sendPart(response, bytes, { range, count: ++asked === 1 ? 1000 : 0 });
      return true;
    };
    await expect(pull(place.settings)).rejects.toMatchObject({ code: 'HUB_UNREACHABLE' });
    expect((await readFile(await incompleteBlob(place.settings))).byteLength).toBe(1000);
    expect(await readdir(join(cachedFolder(place.settings), 'refs')).catch(() => [])).toEqual([]);
  });

  it('asks again when the hub is overloaded', async () => {
    await using place = await openPlace();
    const statuses = [503, 429, 500];
    place.server.intercept = (_, response) => {
      const status = statuses.pop();
      if (status !== undefined) refuse(response, status, '');
      return status !== undefined;
    };
    expect(await pull(place.settings)).toMatchObject({ files: 3 });
  });
});

describe('wrong bytes', () => {
  const changes = [
    { wrong: 'changed', change: (bytes: Uint8Array) => bytes.with(9, (bytes[9] ?? 0) ^ 1) },
    { wrong: 'too many', change: (bytes: Uint8Array) => Buffer.concat([Buffer.alloc(1), bytes]) },
  ];
  it.each(changes.flatMap((change) => ['g.json', weights].map((file) => ({ ...change, file }))))(
    'are refused: $wrong, of $file',
    async ({ change, file }) => {
      await using place = await openPlace();
      place.server.intercept = ({ path, at }, response, bytes) => {
        if (bytes === undefined || !path.endsWith(file) || (file === weights && at === 'hub')) return false;
        sendBytes(response, change(bytes), undefined);
        return true;
      };
      await expect(pull(place.settings)).rejects.toMatchObject({ code: 'HUB_CHECKSUM_MISMATCH' });
      const digests = Object.values(await goldenFiles()).flatMap((bytes) => [sha256(bytes), gitSha1(bytes)]);
      const blobs = await readdir(join(cachedFolder(place.settings), 'blobs'));
      expect(blobs.filter((blob) => !digests.includes(blob.replace('.incomplete', '')))).toEqual([]);
      expect(blobs.length).toBeLessThan(3);
      expect(await readdir(join(cachedFolder(place.settings), 'snapshots')).catch(() => [])).toEqual([]);
    },
  );

  it.each(['../../escape', '/etc/passwd', 'a//b', 'a\\b', 'C:x', './config.json', 'a\u0000b'])(
    'and a listing with the path %j are refused',
    async (path) => {
      await using place = await openPlace();
      place.server.changeListing = (entries) => entries.map((entry) => ({ ...entry, path }));
      await expect(pull(place.settings)).rejects.toMatchObject({ code: 'HUB_RESPONSE_INVALID' });
      expect(place.server.downloads()).toEqual([]);
    },
  );

  it.each([
    { oid: '../../../x', lfs: undefined },
    { lfs: { oid: 'x', size: 1, pointerSize: 1 } },
    { size: -1, lfs: undefined },
    { size: 1e300, lfs: undefined },
  ])('and a listing with %j are refused', async (change) => {
    await using place = await openPlace();
    place.server.changeListing = (entries) => entries.map((entry) => ({ ...entry, ...change }));
    await expect(pull(place.settings)).rejects.toMatchObject({ code: 'HUB_RESPONSE_INVALID' });
  });

  it('and a listing that names a file twice are refused', async () => {
    await using place = await openPlace();
    place.server.changeListing = (entries) => [...entries, ...entries];
    await expect(pull(place.settings)).rejects.toThrow(/twice/);
  });

  it('and a refusal of the storage are told apart from one of the hub', async () => {
    await using place = await openPlace();
    place.server.intercept = ({ at }, response) => {
      if (at === 'storage') refuse(response, 403, '');
      return at === 'storage';
    };
    const pulled = pull(place.settings);
    await expect(pulled).rejects.toMatchObject({ code: 'HUB_FAILED' });
    await expect(pulled).rejects.not.toThrow(/secret/);
  });

  it('and a listing that is none are refused', async () => {
    await using place = await openPlace();
    place.server.changeListing = () => 'hello';
    await expect(pull(place.settings)).rejects.toMatchObject({ code: 'HUB_RESPONSE_INVALID' });
  });
});

describe('a refusal of the hub', () => {
  it.each([
    { status: 401, code: '', expected: 'HUB_UNAUTHORIZED', text: /asked without a token.*HF_TOKEN/ },
    { status: 403, code: '', expected: 'HUB_UNAUTHORIZED', text: /HF_TOKEN/ },
    { status: 401, code: 'RepoNotFound', expected: 'HUB_REPOSITORY_NOT_FOUND', text: /org\/tiny-llama/ },
    { status: 404, code: '', expected: 'HUB_REPOSITORY_NOT_FOUND', text: /private/ },
    { status: 418, code: '', expected: 'HUB_FAILED', text: /418/ },
    { status: 500, code: '', expected: 'HUB_FAILED', text: /500/ },
  ])('with $status $code says what to do', async ({ status, code, expected, text }) => {
    await using place = await openPlace();
    place.server.intercept = (_, response) => {
      refuse(response, status, code);
      return true;
    };
    const pulled = pull(place.settings);
    await expect(pulled).rejects.toMatchObject({ code: expected });
    await expect(pulled).rejects.toThrow(text);
  });

  it('for a gated model tells where its terms are', async () => {
    await using place = await openPlace({ gated: true });
    await expect(pull(place.settings)).rejects.toThrow(`Accept them at ${place.settings.endpoint}/${name}`);
    await expect(pull({ ...place.settings, token: 'hf_x' })).rejects.toMatchObject({ code: 'HUB_GATED' });
  });

  it('names the revision that is not there', async () => {
    await using place = await openPlace();
    const pulled = pullModel({ name, revision: 'v9' }, { settings: place.settings, wait: noWait });
    await expect(pulled).rejects.toMatchObject({ code: 'HUB_REVISION_NOT_FOUND' });
    await expect(pulled).rejects.toThrow('v9');
  });

  it('lists what a model has that holds no weights for us', async () => {
    await using place = await openPlace({ files: { 'model.gguf': Buffer.from('x') } });
    await expect(pull(place.settings)).rejects.toThrow('It has: model.gguf');
  });
});

describe('without a network', () => {
  it('uses a complete copy in the cache and says so', async () => {
    await using place = await openPlace();
    const { dir } = await pull(place.settings);
    await place.server[Symbol.asyncDispose]();
    const events: PullEvent[] = [];
    const again = await pull(place.settings, { onEvent: (event) => events.push(event) });
    expect(again).toMatchObject({ dir, commit: undefined });
    expect(events).toMatchObject([{ kind: 'cache-used', dir }]);
  });

  it.each(['model.safetensors', 'config.json'])('does not take a copy that lacks %s for one', async (path) => {
    await using place = await openPlace();
    const { dir } = await pull(place.settings);
    await rm(join(dir, path));
    await expect(pull({ ...place.settings, offline: true })).rejects.toMatchObject({ code: 'HUB_OFFLINE' });
    await place.server[Symbol.asyncDispose]();
    await expect(pull(place.settings)).rejects.toMatchObject({ code: 'HUB_UNREACHABLE' });
  });

  it('does not take a copy without all its shards for one', async () => {
    const index = { weight_map: { a: 'model-1.safetensors', b: 'model-2.safetensors' } };
    const files = {
      'config.json': Buffer.from('{}'),
      'model.safetensors.index.json': Buffer.from(JSON.stringify(index)),
      'model-1.safetensors': Buffer.from('one'),
      'model-2.safetensors': Buffer.from('two'),
    };
    await using place = await openPlace({ files });
    const offline = { ...place.settings, offline: true };
    const { dir } = await pull(place.settings);
    await expect(pull(offline)).resolves.toMatchObject({ dir });
    await rm(join(cachedFolder(place.settings), 'blobs', gitSha1(Buffer.from('two'))));
    await expect(pull(offline)).rejects.toMatchObject({ code: 'HUB_OFFLINE' });
    await rm(join(dir, 'model-2.safetensors'));
    await expect(pull(offline)).rejects.toMatchObject({ code: 'HUB_OFFLINE' });
  });

  it('asks nobody where HF_HUB_OFFLINE is set', async () => {
    await using place = await openPlace();
    await pull(place.settings);
    place.server.requests.length = 0;
    await pull({ ...place.settings, offline: true });
    expect(place.server.requests).toEqual([]);
  });

  it('asks nobody where the cache will do', async () => {
    await using place = await openPlace();
    await pull(place.settings, { preferCache: true });
    place.server.requests.length = 0;
    await pull(place.settings, { preferCache: true });
    expect(place.server.requests).toEqual([]);
  });
});

describe('two pulls at once', () => {
  it('download every file once', async () => {
    await using place = await openPlace();
    const wait = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
    const dirs = await Promise.all([1, 2, 3].map(() => pull(place.settings, { wait })));
    expect(new Set(dirs.map(({ dir }) => dir)).size).toBe(1);
    expect(place.server.downloads().filter(({ at }) => at === 'storage')).toHaveLength(1);
  });

  it('is not stopped by the lock of a process that is gone', async () => {
    await using place = await openPlace();
    const hex = sha256((await goldenFiles())[weights] ?? new Uint8Array());
    const lock = join(place.settings.cache, '.locks', 'models--org--tiny-llama', `${hex}.espalier`);
    await mkdir(dirname(lock), { recursive: true });
    await writeFile(lock, `${hostname()} 4194305`);
    await pull(place.settings);
    await expect(readFile(lock)).rejects.toThrow('ENOENT');
  });
});
