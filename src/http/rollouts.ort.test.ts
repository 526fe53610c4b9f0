import { cp, mkdir, mkdtemp, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemFiles } from '../adapter-store/files/store-files.ts';
import type { RolloutOptions } from '../routing/index.ts';
import { liveHandles } from '../native/index.ts';
import { openServer, type Server } from './server.ts';

const golden = fileURLToPath(new URL('../../test/golden/llama-d16', import.meta.url));

/** Steps that last as long as their samples take, with limits that a few of them can show. */
const quick: RolloutOptions = {
  steps: [
    { mirror: 1, minimumMs: 0, minimumSamples: 20 },
    { share: 0.5, minimumMs: 0, minimumSamples: 20 },
    { share: 1, minimumMs: 0, minimumSamples: 20 },
  ],
  limits: { errorIncrease: 0.5, latencyRatio: 20, falsePromotion: 0.25 },
};

let folder: string;
let server: Server | undefined;
// WHY one server for all: each claim begins with whatever the one before it left.
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  server = await open();
  await drop({ strength: 1 });
  await until(async () => (await ask(0)).status === 200);
});
afterAll(async () => {
  await server?.close();
  server = undefined;
  await systemFiles.removeTree(folder);
  const alive = JSON.stringify(liveHandles());
  if (alive !== '{}') throw new Error(`Native handles are left: ${alive}`);
});

const dir = (...parts: string[]): string => join(folder, 'store', ...parts);

function open(): Promise<Server> {
  return openServer({
    base: join(golden, 'model'),
    servedName: 'base',
    store: dir(),
    rollout: 'progressive',
    rolloutOptions: quick,
    threads: 1,
    port: 0,
  });
}

let dropped = 0;

interface Made {
  /** How many times as strongly its weights act. */
  readonly strength: number;
  /** What all its weights are, in the place of their own. */
  readonly value?: number;
}

/** Drops a version of the golden adapter. */
async function drop({ strength, value }: Made): Promise<void> {
  const made = join(folder, `made-${dropped++}`);
  await cp(join(golden, 'adapter'), made, { recursive: true });
  const config = JSON.parse(await readFile(join(made, 'adapter_config.json'), 'utf8')) as { lora_alpha: number };
  const changed = { ...config, lora_alpha: config.lora_alpha * strength };
  await writeFile(join(made, 'adapter_config.json'), JSON.stringify(changed));
  if (value !== undefined) await fill(join(made, 'adapter_model.safetensors'), value);
  await mkdir(dir('incoming'), { recursive: true });
  await until(async () => (await readdir(dir('incoming'))).length === 0);
  await rename(made, dir('incoming', 'policy'));
}

/** Sets every number of a file of single precision. */
async function fill(path: string, value: number): Promise<void> {
  const bytes = await readFile(path);
  const start = 8 + Number(bytes.readBigUInt64LE());
  for (let at = start; at < bytes.length; at += 4) bytes.writeFloatLE(value, at);
  await writeFile(path, bytes);
}

/** The reasons of what is in quarantine, as far as they are written. */
async function quarantined(): Promise<Record<string, unknown>[]> {
  const names = await readdir(dir('quarantine'));
  const texts = names.map((name) => readFile(dir('quarantine', name, 'reason.json'), 'utf8').catch(() => '{}'));
  return (await Promise.all(texts)).map((text) => JSON.parse(text === '' ? '{}' : text) as Record<string, unknown>);
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await isSo())) if (performance.now() > end) throw new Error('It takes too long');
}

interface Told {
  readonly version: string;
  readonly fallback?: unknown;
  readonly rollout?: { readonly side: string };
}

async function ask(user: number): Promise<{ readonly status: number; readonly told: Told | undefined }> {
  const headers = { 'content-type': 'application/json' };
  const body = { model: 'policy', prompt: [3, 1 + (user % 20), 7], max_tokens: 6, user: `user ${user}`, seed: user };
  const answer = await fetch(`${server?.url}/v1/completions`, { method: 'POST', headers, body: JSON.stringify(body) });
  const json = (await answer.json()) as { espalier?: Told };
  return { status: answer.status, told: json.espalier };
}

interface Rollout {
  readonly phase: string;
  readonly reason: string | null;
  readonly stable: string;
  readonly candidate: string;
  readonly step: number;
}

async function rollout(): Promise<Rollout | undefined> {
  const answer = await fetch(`${server?.url}/v1/adapters/policy/rollout`);
  return answer.status === 200 ? ((await answer.json()) as Rollout) : undefined;
}

interface Watched {
  readonly end: Rollout;
  readonly statuses: Readonly<Record<number, number>>;
  readonly versions: ReadonlySet<string>;
}

/** Sends requests until the roll-out of the version that was dropped is over. */
async function serveThrough(made: Made): Promise<Watched> {
  await drop(made);
  await until(async () => (await rollout())?.phase === 'running');
  const statuses: Record<number, number> = {};
  const versions = new Set<string>();
  for (let user = 0; ; user++) {
    const { status, told } = await ask(user);
    statuses[status] = (statuses[status] ?? 0) + 1;
    if (told !== undefined) versions.add(told.version);
    const state = user % 10 === 0 ? await rollout() : undefined;
    if (state !== undefined && state.phase !== 'running') return { end: state, statuses, versions };
    if (user > 3000) throw new Error(`No end: ${JSON.stringify(await rollout())}`);
  }
}

describe('a new version that is dropped into a store', () => {
  it('is promoted by itself if it differs little, without a failed request', async () => {
    const { end, statuses, versions } = await serveThrough({ strength: 1.001 });
    expect(end).toMatchObject({ phase: 'promoted', step: 2 });
    expect(Object.keys(statuses)).toEqual(['200']);
    expect([...versions].toSorted()).toEqual([end.stable, end.candidate].toSorted());
    await until(async () => (await ask(1)).told?.version === end.candidate);
    expect((await ask(1)).told?.rollout).toBeUndefined();
    await until(async () => (await readFile(dir('rollouts', 'policy.json'), 'utf8')).includes('"isSettled": true'));
  });

  it.each([
    ['logits that are not finite', { strength: 1, value: 1e14 }, 'LOGITS_NOT_FINITE'],
    ['values that no run may have', { strength: 1, value: 1e15 }, 'ADAPTER_VALUES_UNUSABLE'],
  ])('is refused before it is rolled out if it has %s', async (_, made, code) => {
    const [first, before] = [await ask(1), (await readdir(dir('quarantine'))).length];
    await drop(made);
    await until(async () => (await readdir(dir('quarantine'))).length > before);
    // The reason is written into the folder that has come.
    await until(async () => (await quarantined()).some((one) => one['code'] === code));
    expect((await rollout())?.phase).not.toBe('running');
    expect(await ask(1)).toMatchObject({ status: 200, told: { version: first.told?.version } });
  });

  it.each([['differs wildly', { strength: 300 }, /divergence|agreement|entropy/]])(
    'is caught in shadow if it %s, and no user sees it',
    async (_, made, reason) => {
      const before = (await readdir(dir('quarantine'))).length;
      const { end, statuses, versions } = await serveThrough(made);
      expect([end.phase, end.step]).toEqual(['failed', 0]);
      expect(end.reason).toMatch(reason);
      expect([statuses, [...versions]]).toEqual([{ 200: expect.any(Number) }, [end.stable]]);
      await until(async () => (await readdir(dir('quarantine'))).length > before);
      const put = { name: 'policy', digest: end.candidate, isBlocked: true };
      await until(async () => (await quarantined()).some((one) => isDeepStrictEqual({ ...one, ...put }, one)));
      // It is refused when it comes again.
      await drop(made);
      await until(async () => (await readdir(dir('quarantine'))).length > before + 1);
      expect((await ask(1)).told?.version).toBe(end.stable);
    },
  );

  it('goes on with its roll-out after a restart', async () => {
    await drop({ strength: 1.002 });
    await until(async () => (await rollout())?.phase === 'running');
    const before = await rollout();
    await server?.close();
    server = await open();
    expect(await rollout()).toMatchObject({ phase: 'running', candidate: before?.candidate });
    for (let user = 0; user < 3000 && (await rollout())?.phase === 'running'; user++) await ask(user);
    expect((await rollout())?.phase).toBe('promoted');
  });
});
