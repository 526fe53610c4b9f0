import { afterAll, beforeAll, expect, it } from 'vitest';
import { crossSection } from '../src/core/testing/cross-section.ts';

import {
  GradientRegistry,
  standardLowerings,
  standardRules,
  type GradientRule,
  type GradientThunk,
} from '../src/autodiff/index.ts';
import { createRandom } from '../src/core/index.ts';
import type { Tape } from '../src/ir/index.ts';
import { compute64, numberOf, openGraph64 } from '../src/ir/testing/f64/interpreter.ts';
import { floats, tensor64, type Tensor64 } from '../src/ir/testing/f64/tensor64.ts';
import { gradientsOf, type Numbers } from '../src/models/testing/central-differences.ts';
import { openEnvironment, type Environment } from '../src/onnxruntime/index.ts';
import { openGoldenTraining, type GoldenTraining } from './golden-training.ts';

/**
 * One golden case for each kind of block. The gradients of all its weights of floats and of its adapter, as the training graph gives them
 * through ONNX Runtime, are compared with central differences of the same network, computed in f64 without ONNX Runtime and without any
 * of our rules.
 *
 * Not here: quantized weights, which no training changes (`experts/gpt-oss-mxfp4`), and the correction of a router's choice, which has no
 * gradient. Both stay in their files.
 */
const blocks: [block: string, golden: string][] = [
  ['inputs of each layer, and keys and values that layers share (Gemma 4)', 'families/gemma4-multimodal'],
  ['keys that are the values too (Gemma 4)', 'families/gemma4-keys'],
  ['the gated delta rule, beside attention with gates (Qwen 3.5)', 'families/qwen3-5-multimodal'],
  ['Mamba 2 (Bamba)', 'families/bamba'],
  ['short convolutions (LFM2)', 'families/lfm2-plain'],
  ['xIELU (Apertus)', 'families/apertus'],
  ['ALiBi (Falcon)', 'families/falcon-rw'],
  ['squared ReLU and norms around 1 (Nemotron)', 'families/nemotron'],
  ['experts without gates, in a width of their own, beside Mamba 2 (Nemotron 3)', 'families/nemotron-h-moe'],
  ['attention and Mamba 2 side by side, with factors (Falcon-H1)', 'families/falcon-h1'],
  ['attention and feed-forward side by side (Cohere)', 'families/cohere'],
  ['latent attention, and experts in groups beside a shared one (DeepSeek)', 'experts/deepseek'],
  ['sinks, and experts with a clamped unit (gpt-oss)', 'experts/gpt-oss'],
  ['disentangled attention, and a convolution (DeBERTa)', 'encoders/deberta-v2'],
  ['attention within windows, and gated units (ModernBERT)', 'encoders/modernbert'],
  ['biases of distances (MPNet)', 'encoders/mpnet'],
  ['one set of weights for several layers (ALBERT)', 'encoders/albert'],
];

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => {
  known.clear();
  environment.dispose();
});

it.each(crossSection(blocks, 4))('has the gradients of central differences in f64: %s', async (_, golden) => {
  const { training, loss, gradients, slopes } = await measured(golden);
  expect(Math.abs(slopes.loss / training.loss - 1)).toBeLessThan(1e-6);
  expect(Math.abs(loss / slopes.loss - 1)).toBeLessThan(1e-6);
  expect(slopes.groups.length).toBeGreaterThan(10);
  expect(disagreeing(slopes.groups, gradients)).toEqual([]);
});

it.each(
  crossSection(
    [
      ['families/qwen3-5-multimodal', 'Softplus'],
      ['families/lfm2-plain', 'Pad'],
      ['experts/deepseek', 'GatherElements'],
    ],
    3,
    1,
  ),
)('sees that one rule is wrong by a hundredth: %s, %s', async (golden, opType) => {
  const { training, slopes } = await measured(golden);
  const right = standardRules.find((rule) => rule.opType === opType && rule.domain === '');
  if (right === undefined) throw new Error(`there is no rule of ${opType}`);
  const registry = new GradientRegistry([...standardRules, slightlyWrong(right)], standardLowerings);
  const { gradients } = await gradientsIn32(training, registry);
  expect(disagreeing(slopes.groups, gradients)).not.toEqual([]);
});

interface Measured {
  readonly training: GoldenTraining;
  /** By ONNX Runtime. */
  readonly loss: number;
  readonly gradients: Gradients;
  readonly slopes: { readonly loss: number; readonly groups: readonly Group[] };
}

const known = new Map<string, Promise<Measured>>();

/** Each case once. */
function measured(golden: string): Promise<Measured> {
  const measure = async (): Promise<Measured> => {
    const training = await openGoldenTraining(golden);
    const { loss, gradients } = await gradientsIn32(training);
    return { training, loss, gradients, slopes: await slopesIn64(training, gradients) };
  };
  const found = known.get(golden) ?? measure();
  known.set(golden, found);
  return found;
}

type Gradients = ReadonlyMap<string, Float32Array>;

function gradientsIn32(
  { build, weights, batch, dir }: GoldenTraining,
  registry?: GradientRegistry,
): Promise<{ readonly loss: number; readonly gradients: Gradients }> {
  const model = build();
  const loss = model.graph.value('loss_sum');
  if (loss === undefined) throw new Error('a training graph has a loss');
  const run = { environment, model, loss, feeds: weights, others: batch, baseDir: dir };
  return gradientsOf({ ...run, ...(registry && { registry }) }, [...weights.keys()]);
}

/** Weights that are moved together: those of the same name in all layers and experts. */
interface Group {
  readonly name: string;
  /** The direction of each weight. */
  readonly directions: ReadonlyMap<string, Float64Array>;
  /** How much the loss changes along all directions. */
  readonly slope: number;
}

/**
 * How the loss changes along random directions through all weights, by central differences.
 *
 * WHY the directions are as long as the gradients are short: the weights of a group then matter alike. A weight whose gradient is next to
 * nothing (the bias of keys, which softmax takes back) counts as one with a thousandth of the largest: what it has is rounding.
 */
async function slopesIn64(
  { build, weights, batch, dir }: GoldenTraining,
  gradients: Gradients,
): Promise<{ readonly loss: number; readonly groups: readonly Group[] }> {
  const graph = await openGraph64(build(), { wanted: ['loss_sum'], folder: dir });
  const inputs = Object.entries(batch).map(([name, data]): [string, Tensor64] => [name, tensor64(data)]);
  const before = compute64(graph, new Map([...inputs, ...asTensors(weights)]));
  const norms = new Map([...gradients].map(([name, gradient]) => [name, Math.hypot(...gradient)]));
  const least = 1e-3 * Math.max(...norms.values());
  const groups: Group[] = [];
  for (const [name, members] of groupsOf([...weights.keys()])) {
    const sizes = members.map((member) => Math.max(least, norms.get(member) ?? NaN));
    const directions = new Map(members.map((member, i) => [member, signs(member, weights, 1 / (sizes[i] ?? NaN))]));
    const step = 1e-5 * Math.min(...sizes); // no weight moves by more than 1e-5
    const lossAt = (distance: number): number => {
      const moved = members.map((member): [string, Numbers] => {
        const { shape, values } = weights.get(member) ?? { shape: [], values: new Float64Array() };
        const by = directions.get(member);
        return [member, { shape, values: values.map((value, i) => value + distance * (by?.[i] ?? NaN)) }];
      });
      return numberOf(compute64(graph, new Map(asTensors(moved)), before), graph.wanted);
    };
    groups.push({ name, directions, slope: (lossAt(step) - lossAt(-step)) / (2 * step) });
  }
  return { loss: numberOf(before, graph.wanted), groups };
}

/** WHY all layers in one: a weight that is wrong in one layer of six alone still moves the sum far more than the tolerance. */
function groupsOf(names: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const group = name.replaceAll(/\.\d+(?=\.)/g, '.*');
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  return groups;
}

function asTensors(weights: Iterable<readonly [string, Numbers]>): [string, Tensor64][] {
  return [...weights].map(([name, { shape, values }]) => [name, floats(shape, values)]);
}

function signs(name: string, weights: ReadonlyMap<string, Numbers>, size: number): Float64Array {
  const random = createRandom(1, name);
  return (weights.get(name)?.values ?? new Float64Array()).map(() => (random.uniform() < 0.5 ? -size : size));
}

/** The groups along which the gradients and the differences disagree by more than 1e-4 of what the slope can be expected to be. */
function disagreeing(groups: readonly Group[], gradients: Gradients): string[] {
  return groups.flatMap(({ name, directions, slope }) => {
    let expected = 0;
    for (const [member, direction] of directions) {
      const gradient = gradients.get(member);
      direction.forEach((along, i) => (expected += along * (gradient?.[i] ?? NaN)));
    }
    const error = Math.abs(slope - expected) / Math.sqrt(directions.size);
    return error < 1e-4 ? [] : [`${name}: ${expected} instead of ${slope}`];
  });
}

/** The rule with each of its gradients larger by a hundredth. */
function slightlyWrong(rule: GradientRule): GradientRule {
  const changed = (tape: Tape, thunk: GradientThunk | undefined): GradientThunk | undefined =>
    thunk &&
    (() => {
      const right = thunk();
      return tape.op('Mul', [right, tape.scalar(1.01)], { ...(right.shape && { shape: right.shape }) });
    });
  return {
    ...rule,
    backward: (context) =>
      Object.fromEntries(
        Object.entries(rule.backward(context)).map(([name, thunk]) => [name, changed(context.tape, thunk)]),
      ),
  };
}
