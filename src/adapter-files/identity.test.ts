import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Adapter, ModuleWeights } from '../lora/index.ts';
import { numberToBfloat16, tensorOf, toFloat32, type TensorData, type TensorOf } from '../tensor/index.ts';
import { savePeftAdapter } from './formats/peft/save-peft-adapter.ts';
import { readAdapter } from './formats/read-adapter.ts';
import type { StoredAdapter } from './formats/stored-adapter.ts';
import { writeAdapter } from './formats/write-adapter.ts';
import { adapterDigest } from './identity.ts';
import { goldenFolder } from './testing/golden-linears.ts';
import { loraMetadata, tinyGguf } from './testing/tiny-gguf.ts';

type Content = Pick<Adapter, 'modules' | 'saved'>;

/** Few shapes, names and numbers, so that equal adapters come up, and such that differ in one place only. */
const tensor: fc.Arbitrary<TensorOf<'float32'>> = fc
  .tuple(fc.constantFrom([1, 2], [2, 1], [2], [1, 1, 2]), fc.constantFrom([1, 1], [1, 2], [4, 2], [2, 4]))
  .map(([shape, values]) => tensorOf('float32', shape, values));
const weights: fc.Arbitrary<ModuleWeights> = fc.record(
  {
    kind: fc.constantFrom('linear', 'embedding'),
    rank: fc.constant(1),
    scaling: fc.constantFrom(1, 2),
    a: tensor,
    b: tensor,
    magnitude: tensor,
  },
  { requiredKeys: ['rank', 'scaling', 'a', 'b'] },
);
const name = fc.constantFrom('q', 'k', 'qk', '');
const contents: fc.Arbitrary<Content> = fc
  .tuple(fc.array(fc.tuple(name, weights), { maxLength: 3 }), fc.array(fc.tuple(name, tensor), { maxLength: 2 }))
  .map(([modules, saved]) => ({ modules: new Map(modules), saved: new Map(saved) }));

const numbers = (one: TensorOf<'float32'> | undefined, factor = 1): unknown =>
  one && [one.shape, [...toFloat32(one)].map((value) => value * factor)];

/** What an adapter does, as text: two adapters do the same where these are equal. */
function meaningOf({ modules, saved }: Content): string {
  const sorted = <T>(entries: Iterable<[string, T]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    sorted(modules).map(([path, { kind = 'linear', scaling, a, b, magnitude }]) => {
      return [path, kind, numbers(a), numbers(b, scaling), numbers(magnitude)];
    }),
    sorted(saved ?? []).map(([path, one]) => [path, numbers(one)]),
  ]);
}

describe('the digest of an adapter', () => {
  it('is equal exactly where the meaning is', async () => {
    await fc.assert(
      fc.asyncProperty(contents, contents, async (one, other) => {
        const [first, second] = [await adapterDigest(one), await adapterDigest(other)];
        expect(first).toMatch(/^[\da-f]{64}$/);
        expect(first === second).toBe(meaningOf(one) === meaningOf(other));
      }),
      { numRuns: 500 },
    );
  });

  it('changes with every single part', async () => {
    const part = (values: readonly number[], shape = [1, 2]) => tensorOf('float32', shape, values);
    const plain: ModuleWeights = { rank: 1, scaling: 1, a: part([1, 2]), b: part([3, 4], [2, 1]) };
    const variants: Content[] = [
      { modules: new Map() },
      { modules: new Map([['q', plain]]) },
      { modules: new Map([['k', plain]]) },
      { modules: new Map([['q', { ...plain, kind: 'conv' as const }]]) },
      { modules: new Map([['q', { ...plain, scaling: 2 }]]) },
      { modules: new Map([['q', { ...plain, a: part([2, 1]) }]]) },
      { modules: new Map([['q', { ...plain, a: part([1, 2], [2, 1]) }]]) },
      { modules: new Map([['q', { ...plain, b: part([4, 3], [2, 1]) }]]) },
      { modules: new Map([['q', { ...plain, magnitude: part([1, 1], [2]) }]]) },
      { modules: new Map([['q', plain]]), saved: new Map([['q', part([1, 1])]]) },
      { modules: new Map([['q', plain]]), saved: new Map([['k', part([1, 1])]]) },
    ];
    const digests = await Promise.all(variants.map((each) => adapterDigest(each)));
    expect(new Set(digests).size).toBe(variants.length);
  });

  it('does not follow the order of modules and parameters', async () => {
    await fc.assert(
      fc.asyncProperty(contents, async ({ modules, saved = new Map() }) => {
        const turned = { modules: new Map([...modules].reverse()), saved: new Map([...saved].reverse()) };
        expect(await adapterDigest(turned)).toBe(await adapterDigest({ modules, saved }));
      }),
      { numRuns: 100 },
    );
  });

  it('is the SHA-256 of the bytes that docs/formats/adapter-identity.md describes', async () => {
    const q: ModuleWeights = {
      rank: 1,
      scaling: 0.5,
      a: tensorOf('float32', [1, 2], [1, 2]),
      b: tensorOf('float32', [2, 1], [3, 4]),
    };
    expect(await adapterDigest({ modules: new Map([['q', q]]) })).toBe(
      '4789a104cd9e1c5101f3f6a43cb9779f600c2651ea634e09304a112efa12ff60',
    );
  });
});

describe('the same adapter in another file', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const place = (file: string): string => join(folder, file);

  /** Of bf16 numbers, with a scale that is no power of two. */
  const a = [1, -2, 3.5, 0.25];
  const b = [0.5, 1.5, -3, 7];
  const path = 'model.layers.0.mlp.up_proj';
  const adapter: StoredAdapter = {
    config: { rank: 2, alpha: 3, dropout: 0.1, targetModules: ['up_proj'] },
    modules: new Map([
      [path, { rank: 2, scaling: 1.5, a: tensorOf('float32', [2, 2], a), b: tensorOf('float32', [2, 2], b) }],
    ]),
    baseName: 'some/base',
  };
  const asBfloat16 = (values: readonly number[]): TensorData => ({
    dtype: 'bfloat16',
    shape: [2, 2],
    bytes: new Uint8Array(Uint16Array.from(values, numberToBfloat16).buffer),
  });

  it('has the same digest in every format and type of number', async () => {
    const digest = await adapterDigest(adapter);
    for (const format of ['peft', 'bin', 'onnx'] as const) {
      await writeAdapter(place(format), adapter, { format });
      expect(await readAdapter(place(format))).toMatchObject({ format, digest });
    }
    const gguf = tinyGguf({
      metadata: { ...loraMetadata, 'adapter.lora.alpha': 3 },
      tensors: [
        ['blk.0.ffn_up.weight.lora_b', asBfloat16(b)],
        ['blk.0.ffn_up.weight.lora_a', tensorOf('float32', [2, 2], a)],
      ],
    });
    await writeFile(place('gguf'), gguf);
    expect(await readAdapter(place('gguf'))).toMatchObject({ format: 'gguf', digest });
  });

  it('has the same digest however a PEFT folder spells it', async () => {
    const digest = await adapterDigest(adapter);
    const config = { ...adapter.config, rank: 8, alpha: 1, dropout: 0, targetModules: `.*up_proj` };
    const patterns = { rankPattern: { up_proj: 2 }, alphaPattern: { up_proj: 3 } };
    await savePeftAdapter(place('spelt'), { ...adapter, config: { ...config, ...patterns }, baseName: undefined });
    const file = place('spelt/adapter_config.json');
    await writeFile(file, `\n${JSON.stringify(JSON.parse(await readFile(file, 'utf8')))}   `);
    expect((await readAdapter(place('spelt'))).digest).toBe(digest);
  });

  it('has another digest where one number differs', async () => {
    const [module] = adapter.modules.values();
    const changed = { ...module, a: tensorOf('float32', [2, 2], [1, -2, 3.5, 0.2501]) } as ModuleWeights;
    await writeAdapter(place('changed'), { ...adapter, modules: new Map([[path, changed]]) }, { format: 'bin' });
    expect((await readAdapter(place('changed'))).digest).not.toBe(await adapterDigest(adapter));
  });

  it('has the same digest for a trained adapter in PEFT, .bin and .onnx_adapter', async () => {
    const trained = await readAdapter(goldenFolder('llama', 'trained'));
    for (const format of ['bin', 'onnx'] as const) {
      await writeAdapter(place(`trained.${format}`), trained, { format });
      expect((await readAdapter(place(`trained.${format}`))).digest).toBe(trained.digest);
    }
  });
});
