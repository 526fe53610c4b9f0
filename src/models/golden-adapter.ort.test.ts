import { beforeAll, describe, expect, it } from 'vitest';
import { crossSection } from '../core/testing/cross-section.ts';

import { injectLora, injectStackedLora } from '../lora/index.ts';
import { liveHandles, NativeMemory } from '../native/index.ts';
import { openEnvironment, OrtTensor, type Environment } from '../onnxruntime/index.ts';
import type { TensorData } from '../tensor/index.ts';
import type { BaseModel } from './base-model.ts';
import { openBaseModel } from './open-base-model.ts';
import { DecodeDriver, type DriverOptions } from './testing/decode-driver.ts';
import { goldenDir } from './testing/fixtures.ts';
import { loadGoldenAdapter, type GoldenModule } from './testing/golden-adapter.ts';
import { adapterStates, goldenCases } from './testing/golden-cases.ts';
import { loadGolden, maxDifference, type Golden } from './testing/golden.ts';
import { scoreRows } from './testing/scoring-driver.ts';

type Modules = ReadonlyMap<string, GoldenModule>;

/** One adapter alone, as a request that has the model for itself runs it. */
function alone(modules: Modules): Pick<DriverOptions, 'change' | 'inputs'> {
  const settings = [...modules].map(([path, { rank, scaling }]) => ({ path, rank, scaling }));
  return {
    change: (model) => injectLora(model, { modules: settings }),
    inputs: tensorsOf(staticFeeds(modules)),
  };
}

/** The adapter's rank rows, filled up with zeros to the largest rank, between 3 rows of another's that are masked out. */
function stacked(modules: Modules): Pick<DriverOptions, 'change' | 'inputs'> {
  const others = 3;
  const widest = Math.max(...[...modules.values()].map(({ rank }) => rank));
  const rows = others + widest + others;
  const inputs = new Map<string, OrtTensor>();
  for (const [path, { rank, scaling, a, b }] of modules) {
    const [width, out] = [a.shape[1] ?? 0, b.shape[0] ?? 0];
    const stackedA = new Float32Array(rows * width).fill(0.7);
    const stackedB = new Float32Array(rows * out).fill(0.7);
    stackedB.fill(0, others * out, (others + widest) * out);
    stackedA.set(float32(a), others * width);
    for (let r = 0; r < rank; r++) {
      for (let o = 0; o < out; o++) stackedB[(others + r) * out + o] = scaling * (float32(b)[o * rank + r] ?? NaN);
    }
    inputs.set(`${path}.lora_A`, tensorOver(stackedA, [rows, width]));
    inputs.set(`${path}.lora_B`, tensorOver(stackedB, [rows, out]));
  }
  const mask = Float32Array.from({ length: rows }, (_, row) => (row < others || row >= others + widest ? 0 : 1));
  inputs.set('lora_mask', tensorOver(mask, [1, rows]));
  return { change: (model) => injectStackedLora(model, [...modules.keys()]), inputs };
}

describe.each(crossSection(goldenCases, 8))('golden case %s with its adapter', (name) => {
  let environment: Environment;
  let base: BaseModel;
  let golden: Golden;

  beforeAll(async () => {
    environment = openEnvironment({ threads: 1 });
    base = await openBaseModel(goldenDir(name, 'model'));
    golden = await loadGolden(name);
  });

  describe.each(adapterStates(name))('(%s)', (state) => {
    it('has the reference logits through the scoring graph', async () => {
      const modules = await loadGoldenAdapter(name, state);
      const settings = [...modules].map(([path, { rank, scaling }]) => ({ path, rank, scaling }));
      const logits = await scoreRows(
        {
          base,
          environment,
          change: (model) => injectLora(model, { modules: settings }),
          feeds: staticFeeds(modules),
        },
        golden.rows,
      );
      for (const [row, values] of logits.entries()) expect(worst(values, row)).toBeLessThan(1e-4);
    });

    it.each(Object.entries({ alone, stacked }))(
      'has the reference logits and tokens through the decode graph, %s',
      async (_, inject) => {
        const modules = await loadGoldenAdapter(name, state);
        const { change, inputs } = inject(modules);
        const options = {
          slots: golden.rows.length,
          maxLength: Math.max(32, golden.inputIds.shape[1] ?? 0),
          ...(change && { change }),
          ...(inputs && { inputs }),
        };
        using driver = await DecodeDriver.open(base, environment, options);
        for (const [row, tokens] of golden.rows.entries()) {
          expect(worst(await driver.prefill(row, tokens), row)).toBeLessThan(1e-4);
        }
        driver.lengths.fill(0);
        expect(await driver.greedy(golden.greedy(state).slice(0, 5), 16)).toEqual(golden.greedy(state));
        for (const tensor of inputs?.values() ?? []) tensor.dispose();
      },
    );

    const worst = (logits: Float32Array, row: number): number =>
      Math.max(
        ...(golden.rows[row] ?? []).map((_, p) =>
          maxDifference(
            logits.subarray(p * golden.vocabulary, (p + 1) * golden.vocabulary),
            golden.logits(state, row, p),
          ),
        ),
      );
  });

  it('gives every native handle back', () => {
    environment.dispose();
    expect(liveHandles()).toEqual({});
  });
});

function staticFeeds(modules: Modules): Record<string, TensorData> {
  return Object.fromEntries(
    [...modules].flatMap(([path, { a, b }]) => [
      [`${path}.lora_A`, a],
      [`${path}.lora_B`, b],
    ]),
  );
}

function tensorsOf(feeds: Record<string, TensorData>): Map<string, OrtTensor> {
  return new Map(Object.entries(feeds).map(([name, data]) => [name, tensorOver(float32(data), data.shape)]));
}

function tensorOver(values: Float32Array, shape: readonly number[]): OrtTensor {
  using memory = NativeMemory.allocate(values.byteLength);
  memory.float32().set(values);
  return OrtTensor.over(memory, 'float32', shape);
}

function float32({ bytes }: TensorData): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}
