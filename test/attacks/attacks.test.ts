import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdapterArena, AdapterRegistry, type HostWeights } from '../../src/routing/index.ts';
import { settled } from '../../src/adapter-files/testing/settled.ts';
import { createAdapterAdministration } from '../../src/routing/store/adapter-administration.ts';
import { loadModel } from '../../src/ir/index.ts';
import { openBaseModel, verifyWeights } from '../../src/models/index.ts';
import { openTokenizer } from '../../src/tokenizer/index.ts';
import { binAttacks, ggufAttacks, onnxAdapterAttacks, peftAttacks } from './adapter-attacks.ts';
import { limits, type Attack } from './attack.ts';
import { graphAttacks } from './graph-attacks.ts';
import { modelAttacks } from './model-attacks.ts';

const golden = (part: string): string => fileURLToPath(new URL(`../golden/llama/${part}`, import.meta.url));
const adapterAttacks = [...peftAttacks, ...onnxAdapterAttacks, ...binAttacks, ...ggufAttacks];

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-attacks-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function attacked({ make }: Attack, sound: string | undefined): Promise<string> {
  const dir = await mkdtemp(join(folder, 'case-'));
  if (sound !== undefined) await cp(sound, dir, { recursive: true });
  await make(dir);
  return dir;
}

/** Runs `use`, which must fail, and gives the error's code. */
async function refusal(use: () => Promise<unknown>): Promise<unknown> {
  const [start, memory] = [process.cpuUsage(), process.memoryUsage().rss];
  const code = await use().then(
    () => 'nothing: it was taken',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );
  const { user, system } = process.cpuUsage(start);
  expect((user + system) / 1000).toBeLessThan(limits.ms);
  expect(process.memoryUsage().rss - memory).toBeLessThan(limits.bytes);
  return code;
}

const named = (attacks: readonly Attack[]) => attacks.map((attack) => [attack.name, attack] as const);

describe('a model is refused', () => {
  it.each(named(modelAttacks))('%s', async (_, attack) => {
    const dir = await attacked(attack, golden('model'));
    const open = async (): Promise<void> => {
      await openTokenizer(dir);
      await verifyWeights(await openBaseModel(dir));
    };
    expect(await refusal(open)).toBe(attack.code);
  });
});

describe('a graph is refused', () => {
  it.each(named(graphAttacks))('%s', async (_, attack) => {
    const dir = await attacked(attack, undefined);
    expect(await refusal(() => loadModel(join(dir, 'model.onnx')))).toBe(attack.code);
  });
});

/** Takes any adapter, and tells of each. */
function arenaThat(tell: (name: string) => void): AdapterArena<HostWeights> {
  return {
    check: () => ({ rank: 1, bytes: 0, isAlone: false }),
    prepare: async (name) => {
      tell(name);
      return { bytes: 0, dispose: () => undefined };
    },
    forget: () => undefined,
  };
}

describe('an adapter is never served', () => {
  it.each(named(adapterAttacks))('%s', async (_, attack) => {
    const { modules } = await openBaseModel(golden('model'));
    const dir = await attacked(attack, golden('adapter'));
    const served: string[] = [];
    const administration = createAdapterAdministration({
      registry: new AdapterRegistry(arenaThat((name) => served.push(name))),
      linears: modules,
      folder,
      baseName: 'base',
      ...settled,
    });
    expect(await refusal(() => administration.load('hostile', dir, { replace: false }))).toBe(attack.code);
    expect(served).toEqual([]);
  });

  it('but the one that all of them are made from is', async () => {
    const { modules } = await openBaseModel(golden('model'));
    const dir = join(folder, 'sound');
    await mkdir(dir);
    await cp(golden('adapter'), dir, { recursive: true });
    const served: string[] = [];
    const administration = createAdapterAdministration({
      registry: new AdapterRegistry(arenaThat((name) => served.push(name))),
      linears: modules,
      folder,
      baseName: 'base',
      ...settled,
    });
    await administration.load('sound', dir, { replace: false });
    expect(served).toEqual(['sound']);
  });
});

describe('the corpus', () => {
  it('has well over 60 cases, no two of one name', () => {
    const names = [...modelAttacks, ...graphAttacks, ...adapterAttacks].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(100);
  });
});
