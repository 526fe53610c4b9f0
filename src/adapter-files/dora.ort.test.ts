import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeModel, type Model } from '../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../onnxruntime/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../tensor/index.ts';
import { readDoraGains } from '../lora/kinds/dora-gains.ts';
import { injectLora } from '../lora/inject/inject-lora.ts';
import { injectStackedLora } from '../lora/inject/inject-stacked-lora.ts';
import { readBaseWeights, type BaseWeight } from '../lora/kinds/read-base-weights.ts';
import { removeLora } from '../lora/inject/remove-lora.ts';
import { readSquaredNorms } from '../lora/kinds/squared-norms.ts';
import { partPaths, siteModel, siteModels, sitePath, type SiteModel } from '../lora/testing/site-models.ts';
import { randomTensor } from '../lora/testing/small-model.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

/** The module's own result: the models end with Neg. */
async function resultOf(model: Model, feeds: Record<string, TensorData>): Promise<number[]> {
  using session = await environment.createSession(encodeModel(model));
  const [output] = Object.values(await runOnce(session, feeds));
  return output ? Array.from(toFloat32(output), (value) => -value) : [];
}

async function weightsOf(model: Model, paths: readonly string[]): Promise<BaseWeight[]> {
  const weights: BaseWeight[] = [];
  for await (const weight of readBaseWeights(model, paths, { folder: '.' })) weights.push(weight);
  return weights;
}

/** Σᵢ W[o, i]·x[token, i], token by token. */
function productOf(site: SiteModel, weight: Pick<BaseWeight, 'values' | 'in' | 'out'>): number[] {
  return site
    .rows(toFloat32(site.x))
    .flatMap((row) =>
      Array.from({ length: weight.out }, (_, o) =>
        row.reduce((sum, value, i) => sum + value * (weight.values[o * weight.in + i] ?? NaN), 0),
      ),
    );
}

function worst(actual: readonly number[], expected: readonly number[]): number {
  const size = Math.max(...expected.map(Math.abs));
  return actual.length === expected.length
    ? Math.max(...expected.map((value, i) => Math.abs(value - (actual[i] ?? NaN)))) / size
    : NaN;
}

/** What a Gemm adds to each token: twice the bias of its model. */
const biasOf = ({ name, out }: SiteModel): Float32Array =>
  name.includes('bias') ? toFloat32(randomTensor([out], 'bias')).map((value) => 2 * value) : new Float32Array(out);

const readable = siteModels.filter(({ name }) => !name.includes('MatMulInteger '));

describe.each(readable)("the base's weight in $name", (site) => {
  it('is what the node multiplies with', async () => {
    const model = siteModel(site);
    const [weight] = await weightsOf(model, [sitePath]);
    const bias = biasOf(site);
    const expected = weight ? productOf(site, weight).map((value, i) => value + (bias[i % site.out] ?? NaN)) : [];
    const rough = /Quantize|Integer|half/.test(site.name) ? 0.02 : 1e-5;
    expect(worst(await resultOf(model, { x: site.x }), expected)).toBeLessThan(rough);
  });

  it('is read part by part where it is packed', async () => {
    const [whole] = await weightsOf(siteModel(site), [sitePath]);
    const parts = await weightsOf(siteModel(site, { packed: true }), partPaths);
    expect(parts.flatMap(({ values }) => [...values])).toEqual([...(whole?.values ?? [])]);
  });
});

const exact = siteModels.filter(({ name }) => !/Quantize|Integer|half|beta/.test(name));
const [rank, scaling] = [2, 0.5];

interface DoraPart {
  readonly path: string;
  readonly feeds: Record<string, TensorData>;
  readonly expected: readonly number[];
}

/** magnitude ∘ V / ‖V‖ · x, with V = W + s·B·A, computed one product after another. */
function doraPart(site: SiteModel, { path, values, in: width, out }: BaseWeight): DoraPart {
  const [a, b] = [randomTensor([rank, width], `${path}/A`), randomTensor([out, rank], `${path}/B`)];
  const magnitude = randomTensor([out], `${path}/m`);
  const [A, B, m] = [toFloat32(a), toFloat32(b), toFloat32(magnitude)];
  const changed = Array.from(values, (value, index) => {
    const [o, i] = [Math.floor(index / width), index % width];
    return [0, 1].reduce((sum, r) => sum + scaling * (B[o * rank + r] ?? NaN) * (A[r * width + i] ?? NaN), value);
  });
  const rows = Array.from({ length: out }, (_, o) => changed.slice(o * width, (o + 1) * width));
  const scaled = rows.flatMap((row, o) => row.map((value) => ((m[o] ?? NaN) * value) / Math.hypot(...row)));
  return {
    path,
    feeds: { [`${path}.lora_A`]: a, [`${path}.lora_B`]: b, [`${path}.lora_magnitude`]: magnitude },
    expected: productOf(site, { values: Float32Array.from(scaled), in: width, out }),
  };
}

/** Which columns of the result a module is. */
const columns: Readonly<Record<string, readonly [number, number]>> = {
  [sitePath]: [0, 6],
  [partPaths[0]]: [0, 3],
  [partPaths[2]]: [4, 6],
};

describe.each(exact)('DoRA on $name', (site) => {
  it.each([
    ['a module', false, [sitePath]],
    ['parts of a packed node', true, [partPaths[2], partPaths[0]]],
  ] as const)('makes each row as long as its magnitude says: %s', async (_, packed, paths) => {
    const model = siteModel(site, { packed });
    const before = encodeModel(model);
    const base = await resultOf(model, { x: site.x });
    const norms = await readSquaredNorms(model, paths, { folder: '.' });
    const weights = await weightsOf(model, paths);
    injectLora(model, {
      modules: paths.map((path) => {
        const squaredNorms = norms.get(path) ?? tensorOf('float32', [0], []);
        return { path, rank, scaling, dora: { squaredNorms } };
      }),
    });
    const all = weights.map((weight) => doraPart(site, weight));
    const feeds = Object.assign({ x: site.x }, ...all.map((part) => part.feeds)) as Record<string, TensorData>;
    const result = await resultOf(model, feeds);
    for (const { path, expected } of all) {
      const [from, to] = columns[path] ?? [0, 0];
      const own = result.filter((__, i) => i % site.out >= from && i % site.out < to);
      expect(worst(own, expected)).toBeLessThan(1e-5);
    }
    const untouched = (values: readonly number[]): number[] => values.filter((__, i) => packed && i % 6 === 3);
    expect(untouched(result)).toEqual(untouched(base));
    removeLora(model);
    expect(encodeModel(model)).toEqual(before);
  });
});

interface StackedPart {
  readonly path: string;
  readonly a: TensorData;
  readonly b: Float32Array;
  readonly gains: Float32Array;
}

/** What an engine stacks of a DoRA adapter. */
function stackedFeeds({ path, a, b, gains }: StackedPart): Record<string, TensorData> {
  const out = gains.length;
  const turned = Array.from({ length: rank * out }, (_, i) => {
    const [r, o] = [Math.floor(i / out), i % out];
    return (b[o * rank + r] ?? NaN) * scaling * (gains[o] ?? NaN);
  });
  const rows = Array.from({ length: rank * out }, (_, i) => (i < out ? (gains[i] ?? NaN) - 1 : 0));
  return {
    [`${path}.lora_A`]: a,
    [`${path}.lora_B`]: tensorOf('float32', [rank, out], turned),
    [`${path}.lora_gain`]: tensorOf('float32', [rank, out], rows),
  };
}

describe.each(exact)('stacked DoRA on $name', (site) => {
  it.each([
    ['a module', false, [sitePath]],
    ['parts of a packed node', true, [partPaths[2], partPaths[0]]],
  ] as const)('makes rows as long as its magnitude says, for its own tokens: %s', async (_, packed, paths) => {
    const model = siteModel(site, { packed });
    const base = await resultOf(model, { x: site.x });
    const parts = (await weightsOf(model, paths)).map((weight) => doraPart(site, weight));
    const stacked: StackedPart[] = [];
    for (const { path, feeds } of parts) {
      const [a, b, magnitude] = ['lora_A', 'lora_B', 'lora_magnitude'].map((name) => feeds[`${path}.${name}`]);
      if (!a || !b || !magnitude) throw new TypeError('a tensor is missing');
      const single = (tensor: TensorData) => tensorOf('float32', tensor.shape, toFloat32(tensor));
      const weights = { rank, scaling, a: single(a), b: single(b), magnitude: single(magnitude) };
      const gains = await readDoraGains(model, new Map([[path, weights]]), { folder: '.' });
      stacked.push({ path, a, b: toFloat32(b), gains: gains.get(path) ?? new Float32Array() });
    }
    injectStackedLora(model, paths, { gains: true });
    const feeds = Object.assign({ x: site.x }, ...stacked.map(stackedFeeds)) as Record<string, TensorData>;
    const tokens = site.rows(toFloat32(site.x)).length;
    const isOwn = (index: number): boolean => Math.floor(index / site.out) % 2 === 0;
    const mask = Array.from({ length: tokens * rank }, (__, i) => (Math.floor(i / rank) % 2 === 0 ? 1 : 0));
    const mixed = await resultOf(model, { ...feeds, lora_mask: tensorOf('float32', [tokens, rank], mask) });
    const all = await resultOf(model, { ...feeds, lora_mask: tensorOf('float32', [1, rank], [1, 1]) });
    for (const { path, expected } of parts) {
      const [from, to] = columns[path] ?? [0, 0];
      const own = (values: readonly number[]): number[] =>
        values.filter((__, place) => place % site.out >= from && place % site.out < to);
      // WHY the base's own size too: (gain − 1)·y is added to y, and the weights here are a hundred times as long as the magnitudes.
      const sizes = [own(base), expected].map((values) => Math.max(...values.map(Math.abs)));
      const tolerance = 1e-5 + (5e-7 * (sizes[0] ?? NaN)) / (sizes[1] ?? NaN);
      expect(worst(own(all), expected)).toBeLessThan(tolerance);
      const wanted = own(base.map((value, place) => (isOwn(place) ? (all[place] ?? NaN) : value)));
      expect(worst(own(mixed), wanted)).toBeLessThan(1e-6);
    }
  });
});

it('stacks no gains where DoRA cannot be, and adapters without magnitudes all the same', () => {
  for (const site of siteModels.filter((one) => !exact.includes(one))) {
    const { inputs } = injectStackedLora(siteModel(site), [sitePath], { gains: true });
    expect(inputs).toEqual(['lora_mask', `${sitePath}.lora_A`, `${sitePath}.lora_B`]);
  }
});

it('says so where a weight cannot be read', async () => {
  const [site] = siteModels.filter((one) => !readable.includes(one));
  const model = site && siteModel(site);
  await expect(model && weightsOf(model, [sitePath])).rejects.toThrow('its scale stands in another node');
});

describe('DoRA', () => {
  it('goes around a bias', async () => {
    const site = siteModels.find(({ name }) => name.includes('transB'));
    if (site === undefined) throw new TypeError('the models have changed');
    const withBias: SiteModel = {
      ...site,
      record: (tape, x) =>
        tape.op(
          'Gemm',
          [x, tape.constant(randomTensor([6, 32], 'weight'), 'weight'), tape.constant(randomTensor([6], 'bias'))],
          {
            attributes: { transA: 1, transB: 1 },
          },
        ),
    };
    const model = siteModel(withBias);
    const [weight] = await weightsOf(model, [sitePath]);
    const squaredNorms = (await readSquaredNorms(model, [sitePath], { folder: '.' })).get(sitePath);
    if (weight === undefined || squaredNorms === undefined) throw new TypeError('the weight was not read');
    injectLora(model, { modules: [{ path: sitePath, rank, scaling, dora: { squaredNorms } }] });
    const part = doraPart(withBias, weight);
    const bias = toFloat32(randomTensor([6], 'bias'));
    const expected = part.expected.map((value, i) => value + (bias[i % 6] ?? NaN));
    expect(worst(await resultOf(model, { x: site.x, ...part.feeds }), expected)).toBeLessThan(1e-5);
  });

  it.each(siteModels.filter((site) => !exact.includes(site)))('is refused on $name, with the reason', (site) => {
    const model = siteModel(site);
    const dora = { squaredNorms: tensorOf('float32', [6], [1, 1, 1, 1, 1, 1]) };
    expect(() => injectLora(model, { modules: [{ path: sitePath, rank, scaling, dora }] })).toThrow(
      /rounds what goes into it|computes in float16|scales its bias/,
    );
  });
});
