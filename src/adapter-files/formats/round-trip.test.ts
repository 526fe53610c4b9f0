import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settingsOf, type LoraConfig, type ModuleWeights } from '../../lora/index.ts';
import { goldenFolder, goldenLinears } from '../testing/golden-linears.ts';
import { tensorOf, toFloat32, type TensorOf } from '../../tensor/index.ts';
import { parseBinAdapter } from './bin/bin-read.ts';
import { formatBinAdapter } from './bin/bin-write.ts';
import { readOnnxAdapter, writeOnnxAdapter } from './onnx/onnx-adapter.ts';
import { loadAdapter, readAdapter } from './read-adapter.ts';
import type { StoredAdapter } from './stored-adapter.ts';
import { writeAdapter } from './write-adapter.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
});
afterAll(() => rm(folder, { recursive: true }));

const paths = [
  'lm_head',
  'model.layers.0.self_attn.q_proj',
  'model.layers.0.mlp.down_proj',
  'transformer.h.0.attn.c_attn',
];
const number = fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e6), max: Math.fround(1e6) });
const matrix = (rows: number, columns: number): fc.Arbitrary<TensorOf<'float32'>> =>
  fc
    .array(number, { minLength: rows * columns, maxLength: rows * columns })
    .map((values) => tensorOf('float32', [rows, columns], values));

/** Adapters with ranks and alphas of their own for some modules. */
const adapters: fc.Arbitrary<StoredAdapter> = fc
  .record({
    targets: fc.uniqueArray(fc.constantFrom(...paths), { minLength: 1 }),
    ranks: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 4, maxLength: 4 }),
    alphas: fc.array(fc.constantFrom(1, 2, 3, 7, 16, 0.1), { minLength: 4, maxLength: 4 }),
    useRslora: fc.boolean(),
    dropout: fc.constantFrom(0, 0.05),
    baseName: fc.constantFrom(undefined, 'a/base'),
  })
  .chain(({ targets, ranks, alphas, baseName, ...rest }) => {
    const config: LoraConfig = {
      ...rest,
      rank: ranks[0] ?? 1,
      alpha: alphas[0] ?? 1,
      targetModules: targets,
      rankPattern: Object.fromEntries(targets.map((path, i) => [path, ranks[i] ?? 1])),
      alphaPattern: Object.fromEntries(targets.map((path, i) => [path, alphas[i] ?? 1])),
    };
    const settings = settingsOf(config, targets);
    const modules = targets.map((path) => {
      const { rank = 1, scaling = 1 } = settings.get(path) ?? {};
      return fc
        .tuple(matrix(rank, 3), matrix(5, rank))
        .map(([a, b]): [string, ModuleWeights] => [path, { rank, scaling, a, b }]);
    });
    return fc.tuple(...modules).map((entries) => ({ config, modules: new Map(entries), baseName }));
  });

const sorted = (modules: ReadonlyMap<string, ModuleWeights>) => [...modules].sort(([a], [b]) => (a < b ? -1 : 1));

/** scaling · B, which is all that a format without scales can keep. */
const scaledB = ({ b, scaling }: ModuleWeights): number[] =>
  [...toFloat32(b)].map((value) => Math.fround(value * scaling));

describe('.bin', () => {
  it('gives back every bit, and the same file for any order of modules', async () => {
    await fc.assert(
      fc.asyncProperty(adapters, async (adapter) => {
        const bytes = await formatBinAdapter(adapter);
        const read = await parseBinAdapter(bytes, 'adapter.bin');
        expect(sorted(read.modules)).toEqual(sorted(adapter.modules));
        const { places: _places, ...told } = read;
        expect({ ...told, modules: undefined }).toEqual({ ...adapter, modules: undefined });
        const reversed = { ...adapter, modules: new Map([...adapter.modules].reverse()) };
        expect(await formatBinAdapter(reversed)).toEqual(bytes);
      }),
      { numRuns: 60 },
    );
  });
});

describe('.onnx_adapter', () => {
  it.each(['genai', 'olive'] as const)('gives back A and scale times B, named as %s does', async (naming) => {
    await fc.assert(
      fc.asyncProperty(adapters, async (adapter) => {
        const read = await readOnnxAdapter(await writeOnnxAdapter(adapter, { naming }), 'adapter.onnx_adapter');
        for (const [path, weights] of adapter.modules) {
          const back = read.modules.get(path);
          expect(back).toMatchObject({ rank: weights.rank, scaling: 1, a: weights.a });
          expect(back && scaledB(back)).toEqual(scaledB(weights));
        }
        expect(read.modules.size).toBe(adapter.modules.size);
        expect(settingsOf(read.config, [...read.modules.keys()])).toEqual(
          new Map([...read.modules].map(([path, { rank }]) => [path, { rank, scaling: 1 }])),
        );
      }),
      { numRuns: 60 },
    );
  });
});

describe('a PEFT folder', () => {
  const place = (name: string): string => join(folder, name);
  const files = ['adapter_config.json', 'adapter_model.safetensors'];

  it('comes back byte for byte from .bin', async () => {
    const adapter = await readAdapter(goldenFolder('llama', 'adapter'));
    await writeAdapter(place('first'), adapter, { format: 'peft' });
    await writeAdapter(place('adapter.bin'), adapter, { format: 'bin' });
    const back = await readAdapter(place('adapter.bin'));
    expect(back.format).toBe('bin');
    await writeAdapter(place('second'), back, { format: 'peft' });
    for (const file of files) {
      expect(await readFile(join(place('second'), file))).toEqual(await readFile(join(place('first'), file)));
    }
  });

  it('comes back by way of .onnx_adapter and .bin with the same updates', async () => {
    const linears = await goldenLinears();
    const adapter = await loadAdapter(goldenFolder('llama', 'adapter'), linears);
    const steps = [
      ['a.onnx_adapter', 'onnx'],
      ['b.bin', 'bin'],
      ['c', 'peft'],
    ] as const;
    let last = adapter;
    for (const [name, format] of steps) {
      await writeAdapter(place(name), last, { format });
      last = await loadAdapter(place(name), linears);
      expect(last.format).toBe(format);
    }
    expect([...last.modules.keys()]).toEqual([...adapter.modules.keys()]);
    for (const [path, weights] of adapter.modules) {
      const back = last.modules.get(path);
      expect(back?.a).toEqual(weights.a);
      expect(back && scaledB(back)).toEqual(scaledB(weights));
    }
  });
});
