import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeAdapter } from '../adapter-files/index.ts';
import { systemFiles } from '../adapter-store/files/store-files.ts';
import { createRandomAdapter } from '../engine/testing/random-adapter.ts';
import { openBaseModel } from '../models/index.ts';
import type { FileContent } from '../routing/index.ts';
import { openServer, type Server } from './server.ts';

const base = fileURLToPath(new URL('../../demo/base', import.meta.url));
const [config, weights] = ['adapter_config.json', 'adapter_model.safetensors'];

let folder: string;
let made: string;
let server: Server;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-publish-'));
  made = join(folder, 'made');
  const { modules } = await openBaseModel(base);
  const linears = modules.filter(({ kind, path }) => kind !== 'embedding' && path !== 'lm_head').slice(0, 2);
  await writeAdapter(made, createRandomAdapter({ linears, rank: 2, seed: 1 }), { format: 'peft' });
  const golden = join(folder, 'golden.jsonl');
  await writeFile(golden, `${JSON.stringify({ prompt: 'Hello', answer: 'never said', adapter: 'strict' })}\n`);
  server = await openServer({ base, servedName: 'base', store: join(folder, 'store'), threads: 1, port: 0, golden });
});
afterEach(async () => {
  await server.close();
  await systemFiles.removeTree(folder);
});

const streams = (): Record<string, FileContent> => ({
  [config]: Readable.toWeb(createReadStream(join(made, config))) as AsyncIterable<Uint8Array>,
  // WHY so small: several pieces of a small file.
  [weights]: createReadStream(join(made, weights), { highWaterMark: 1000 }),
});

const versionOf = async (name: string): Promise<unknown> => {
  const answer = await fetch(`${server.url}/v1/adapters/${name}`);
  return ((await answer.json()) as { readonly version?: string }).version;
};

describe('an adapter that a program publishes', () => {
  it('comes from streams of Node and the web, or whole, as the same version', async () => {
    const { version, outcome } = await server.publish('a', streams(), { reason: 'nightly' });
    expect([outcome, await versionOf('a')]).toEqual(['served', version]);
    const whole = {
      [config]: await readFile(join(made, config), 'utf8'),
      [weights]: await readFile(join(made, weights)),
    };
    expect(await server.publish('b', whole, { publish: false })).toEqual({ version, outcome: 'kept' });
    expect(await versionOf('b')).toBeUndefined();
    const audit = await readFile(join(folder, 'store', 'audit.jsonl'), 'utf8');
    expect(audit).toMatch(/"actor":"library".*"reason":"nightly"/);
  });

  it('leaves nothing where its stream fails, is too large, or has names that are paths', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(100);
      throw new Error('the producer is gone');
    }
    await expect(server.publish('a', { ...streams(), [weights]: broken() })).rejects.toThrow('the producer is gone');
    await expect(server.publish('a', streams(), { maxBytes: 2000 })).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
    for (const files of [{}, { '../x': 'y' }, { 'a/b': 'y' }]) {
      await expect(server.publish('a', files)).rejects.toMatchObject({ code: 'ADAPTER_FILES_INVALID' });
    }
    const signal = AbortSignal.abort(new Error('not any more'));
    await expect(server.publish('a', streams(), { signal })).rejects.toThrow('not any more');
    const store = join(folder, 'store');
    expect([await readdir(join(store, 'staging')), await readdir(join(store, 'store'))]).toEqual([[], []]);
  });
});

describe('golden prompts of one name', () => {
  it('are asked of a version that other names serve already', async () => {
    await server.publish('a', streams());
    await expect(server.publish('strict', streams())).rejects.toMatchObject({ code: 'ADAPTER_SELF_TEST_FAILED' });
    expect(await versionOf('strict')).toBeUndefined();
    expect((await server.publish('other', streams())).outcome).toBe('served');
  });
});
