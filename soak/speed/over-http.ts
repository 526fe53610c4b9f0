import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startServer, type ServerProcess, type StartOptions } from '../server-process.ts';
import { ask, send } from '../storm/client.ts';
import { openScratch } from '../root.ts';
import type { Variants } from './variants.ts';

export interface Publishing extends StartOptions {
  readonly base: string;
  readonly variants: Variants;
  readonly count: number;
}

const limitMs = 120_000;
const name = 'policy';

/** Drops one new version after the other into a store. @returns the time from closed files to served, of each */
export async function dropsInto(options: Publishing): Promise<number[]> {
  return withStore(options, async ({ port }, store) => {
    const times: number[] = [];
    let before: string | undefined;
    // WHY one more: the first makes the name, and much that is used later.
    for (let turn = 0; turn <= options.count; turn++) {
      const closed = await options.variants.writeTo(join(store, 'incoming', name));
      before = await whenMoved(port, before);
      if (turn > 0) times.push(performance.now() - closed);
      // The entry is removed after the version is served, and the next needs its place.
      while (existsSync(join(store, 'incoming', name))) await pause(1);
    }
    return times;
  });
}

/** Drops many adapters at once. @returns how many are served a second */
export async function dropsASecond({ count, ...options }: Publishing): Promise<number> {
  return withStore({ ...options, count }, async ({ port }, store) => {
    const waiting = join(store, '..', 'waiting');
    await mkdir(waiting);
    for (let i = 0; i < count; i++) await options.variants.writeTo(join(waiting, `n${i}`));
    const began = performance.now();
    for (let i = 0; i < count; i++) await rename(join(waiting, `n${i}`), join(store, 'incoming', `n${i}`));
    for (const end = began + limitMs; performance.now() < end; await pause(10)) {
      // WHY first the links: a list of hundreds of adapters every 10 ms would be most of what the server does.
      if ((await readdir(join(store, 'active'))).length < count) continue;
      const { text } = await send(port, { method: 'GET', path: '/v1/adapters' });
      const { data } = JSON.parse(text) as { readonly data: readonly { readonly state: string }[] };
      if (data.length >= count && data.every(({ state }) => state !== 'failed')) {
        return (1000 * count) / (performance.now() - began);
      }
    }
    throw new Error(`${count} adapters were dropped and are not served`);
  });
}

/** Loads one new version after the other from a folder of adapters, by vLLM's call. @returns the time from closed files to served, of each */
export async function loadsFrom({ base, variants, count, ...start }: Publishing): Promise<number[]> {
  await using scratch = await openScratch('speed');
  const words = ['--base', base, '--served-name', 'base', '--adapters', scratch.path];
  const server = await startServer(words, start);
  try {
    const times: number[] = [];
    for (let turn = 0; turn <= count; turn++) {
      const folder = `version-${turn}`;
      const closed = await variants.writeTo(join(scratch.path, folder));
      const body = { lora_name: name, lora_path: folder, load_inplace: turn > 0 };
      const { status, text } = await send(server.port, { method: 'POST', path: '/v1/load_lora_adapter', body });
      if (status !== 200) throw new Error(`${status} ${text}`);
      if (turn > 0) times.push(performance.now() - closed);
      await rm(join(scratch.path, `version-${turn - 1}`), { recursive: true, force: true });
    }
    return times;
  } finally {
    await server.stop();
  }
}

async function withStore<T>(
  { base, ...start }: Publishing,
  act: (server: ServerProcess, store: string) => Promise<T>,
): Promise<T> {
  await using scratch = await openScratch('speed');
  const store = join(scratch.path, 'store');
  const server = await startServer(['--base', base, '--served-name', 'base', '--store', store], start);
  try {
    return await act(server, store);
  } finally {
    await server.stop();
  }
}

/** Asks until the name has another version. @returns the version */
async function whenMoved(port: number, before: string | undefined): Promise<string> {
  for (const end = performance.now() + limitMs; performance.now() < end;) {
    const { status, text } = await send(port, { method: 'GET', path: `/v1/adapters/${name}` });
    const { version } = JSON.parse(text) as { readonly version?: string | null };
    if (status === 200 && typeof version === 'string' && version !== before) return version;
    await pause(1);
  }
  const { problem } = await ask(port, { model: name, prompt: [5], maxTokens: 1, isStream: false });
  throw new Error(`the version was dropped and is not served: ${problem?.text}`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
