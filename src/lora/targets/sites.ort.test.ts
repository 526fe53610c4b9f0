import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeModel, type Model } from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../../tensor/index.ts';
import { injectLora } from '../inject/inject-lora.ts';
import { injectStackedLora } from '../inject/inject-stacked-lora.ts';
import { removeLora } from '../inject/remove-lora.ts';
import { partPaths, siteModel, siteModels, sitePath, type SiteModel } from '../testing/site-models.ts';
import { randomTensor } from '../testing/small-model.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

async function outputOf(model: Model, feeds: Record<string, TensorData>): Promise<Float32Array> {
  using session = await environment.createSession(encodeModel(model));
  const [output] = Object.values(await runOnce(session, feeds));
  return output ? toFloat32(output) : new Float32Array();
}

interface PartAdapter {
  readonly path: string;
  readonly rank: number;
  /** Columns of the result, from and up to. */
  readonly columns: readonly [number, number];
}

const scaling = 0.5;

function weightsOf({ path, rank, columns: [from, to] }: PartAdapter, width: number): { a: TensorData; b: TensorData } {
  return { a: randomTensor([rank, width], `${path}/A`), b: randomTensor([to - from, rank], `${path}/B`) };
}

function feedsOf(adapters: readonly PartAdapter[], width: number): Record<string, TensorData> {
  return Object.fromEntries(
    adapters.flatMap((adapter) => {
      const { a, b } = weightsOf(adapter, width);
      return [
        [`${adapter.path}.lora_A`, a],
        [`${adapter.path}.lora_B`, b],
      ];
    }),
  );
}

/** scaling · B·A·x of every token, [tokens, out], computed one product after another; 0 where no adapter is. */
function updateOf(site: SiteModel, adapters: readonly PartAdapter[]): number[] {
  return site.rows(toFloat32(site.x)).flatMap((row) => {
    const result = Array.from({ length: site.out }, () => 0);
    for (const adapter of adapters) {
      const weights = weightsOf(adapter, site.in);
      const [a, b] = [toFloat32(weights.a), toFloat32(weights.b)];
      const [from, to] = adapter.columns;
      for (let r = 0; r < adapter.rank; r++) {
        const u = row.reduce((sum, value, i) => sum + value * (a[r * site.in + i] ?? NaN), 0);
        for (let o = from; o < to; o++) {
          result[o] = (result[o] ?? NaN) + scaling * u * (b[(o - from) * adapter.rank + r] ?? NaN);
        }
      }
    }
    return result;
  });
}

/** Largest difference between what an adapter added and what it should have, relative to the largest that it should. */
function errorOf(changed: Float32Array, base: Float32Array, expected: readonly number[]): number {
  // The models end with Neg.
  const errors = expected.map((value, i) => Math.abs((base[i] ?? NaN) - (changed[i] ?? NaN) - value));
  return changed.length === expected.length ? Math.max(...errors) / Math.max(...expected.map(Math.abs)) : NaN;
}

/** Of f32; what half precision or 8 bits lose stands in the base's result too, except for the sum itself. */
const toleranceOf = ({ name }: SiteModel): number => (name.includes('half') ? 5e-3 : 1e-5);

describe.each(siteModels)('an adapter on $name', (site) => {
  const whole: PartAdapter = { path: sitePath, rank: 2, columns: [0, site.out] };

  it('adds scaling·B·A·x to what the node gives', async () => {
    const base = await outputOf(siteModel(site), { x: site.x });
    const model = siteModel(site);
    injectLora(model, { modules: [{ path: sitePath, rank: whole.rank, scaling }] });
    const changed = await outputOf(model, { x: site.x, ...feedsOf([whole], site.in) });
    expect(errorOf(changed, base, updateOf(site, [whole]))).toBeLessThan(toleranceOf(site));
  });

  it('adds the same as one of a stack', async () => {
    const base = await outputOf(siteModel(site), { x: site.x });
    const model = siteModel(site);
    injectStackedLora(model, [sitePath]);
    const feeds = stackOf([whole], site.in);
    const changed = await outputOf(model, { x: site.x, ...feeds });
    expect(errorOf(changed, base, updateOf(site, [whole]))).toBeLessThan(toleranceOf(site));
  });

  it('leaves the very bytes from before when it goes', () => {
    for (const packed of [false, true]) {
      const paths = packed ? partPaths.slice(1) : [sitePath];
      const model = siteModel(site, { packed });
      const before = encodeModel(model);
      injectLora(model, { modules: paths.map((path) => ({ path, rank: 1, scaling, dropout: 0.1 })) });
      expect(encodeModel(model)).not.toEqual(before);
      removeLora(model);
      expect(encodeModel(model)).toEqual(before);
      injectStackedLora(model, paths);
      removeLora(model);
      expect(encodeModel(model)).toEqual(before);
    }
  });
});

const partAdapters: readonly PartAdapter[] = [
  { path: partPaths[0], rank: 2, columns: [0, 3] },
  { path: partPaths[1], rank: 1, columns: [3, 4] },
  { path: partPaths[2], rank: 3, columns: [4, 6] },
];

describe.each(siteModels)('adapters on parts of a packed $name', (site) => {
  it.each([
    ['q alone', [0]],
    ['k and v', [1, 2]],
    ['v before q', [2, 0]],
    ['all', [0, 1, 2]],
  ])('change those parts and no bit of the others: %s', async (_, chosen) => {
    const adapters = chosen.flatMap((index) => partAdapters[index] ?? []);
    const base = await outputOf(siteModel(site), { x: site.x });
    const single = siteModel(site, { packed: true });
    injectLora(single, { modules: adapters.map(({ path, rank }) => ({ path, rank, scaling })) });
    const stacked = siteModel(site, { packed: true });
    injectStackedLora(
      stacked,
      adapters.map(({ path }) => path),
    );
    const outputs = [
      await outputOf(single, { x: site.x, ...feedsOf(adapters, site.in) }),
      await outputOf(stacked, { x: site.x, ...stackOf(adapters, site.in) }),
    ];
    const untouched = base.map((__, i) => Number(!adapters.some(({ columns: [a, b] }) => i % 6 >= a && i % 6 < b)));
    for (const output of outputs) {
      expect(errorOf(output, base, updateOf(site, adapters))).toBeLessThan(toleranceOf(site));
      // ONNX Runtime takes the casts to half precision out of the base, where nothing stands between them.
      if (site.name.includes('half')) continue;
      expect(output.filter((__, i) => untouched[i] === 1)).toEqual(base.filter((__, i) => untouched[i] === 1));
    }
  });
});

/** Adapters that all tokens have, as the inputs of a stacked graph: their rank rows together, to the widest of them. */
function stackOf(adapters: readonly PartAdapter[], width: number): Record<string, TensorData> {
  const rows = Math.max(...adapters.map(({ rank }) => rank));
  const feeds: Record<string, TensorData> = {
    lora_mask: tensorOf(
      'float32',
      [1, rows],
      Array.from({ length: rows }, () => 1),
    ),
  };
  for (const adapter of adapters) {
    const { rank, path, columns } = adapter;
    const out = columns[1] - columns[0];
    const { a, b } = weightsOf(adapter, width);
    const turnedB = new Float32Array(rows * out);
    toFloat32(b).forEach((value, i) => (turnedB[(i % rank) * out + Math.floor(i / rank)] = value * scaling));
    const paddedA = new Float32Array(rows * width);
    paddedA.set(toFloat32(a));
    feeds[`${path}.lora_A`] = tensorOf('float32', [rows, width], paddedA);
    feeds[`${path}.lora_B`] = tensorOf('float32', [rows, out], turnedB);
  }
  return feeds;
}
