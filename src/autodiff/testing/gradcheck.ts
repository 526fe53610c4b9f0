import { createRandom } from '../../core/index.ts';
import { encodeModel, type Value } from '../../ir/index.ts';
import { runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, typedArray, type TensorData } from '../../tensor/index.ts';
import { differentiate } from '../differentiate.ts';
import type { GradientRegistry } from '../gradient-registry.ts';
import { buildCase, type CaseModel } from './case-model.ts';
import { float32Tolerance, float64Tolerance, type GradientCase, type Tolerance } from './gradient-case.ts';
import { RepeatedRun } from './repeated-run.ts';

/** The largest differences between the gradients of a rule and central differences. */
export interface GradcheckResult {
  readonly maxAbsolute: number;
  /** Relative to the largest element of the gradient. */
  readonly maxRelative: number;
  /** Number of compared gradients: one for each input in each set of wanted inputs. */
  readonly compared: number;
}

type Arrays = Readonly<Record<string, readonly number[]>>;

/** undefined for elements that are not compared. */
type Quotients = Readonly<Record<string, readonly (number | undefined)[]>>;

/**
 * Compares the gradients of one operator with central differences. Both are computed with ONNX Runtime. The loss is Σ dY ∘ Y with
 * random dY. Every subset of the wanted inputs is differentiated separately; if there are more than three, each one alone and all together.
 *
 * @throws Error that names the first element that differs by more than atol + rtol · |difference quotient|
 */
export async function gradcheck(
  environment: Environment,
  testCase: GradientCase,
  options: { readonly registry?: GradientRegistry } = {},
): Promise<GradcheckResult> {
  const defaults = testCase.dtype === 'float32' ? float32Tolerance : float64Tolerance;
  const tolerance = { ...defaults, ...testCase.tolerance };
  const weights: Record<string, TensorData> = {};
  const expected = await differenceQuotients(environment, testCase, { weights, eps: tolerance.eps });
  let [maxAbsolute, maxRelative, compared] = [0, 0, 0];
  for (const names of subsets(Object.keys(expected))) {
    const actual = await gradientsOf(environment, testCase, { names, weights, ...options });
    for (const name of names) {
      const errors = compare(actual[name] ?? [], expected[name] ?? [], { tolerance, name, names });
      maxAbsolute = Math.max(maxAbsolute, errors.absolute);
      maxRelative = Math.max(maxRelative, errors.relative);
      compared++;
    }
  }
  return { maxAbsolute, maxRelative, compared };
}

/** Gradients by central differences. The weights dY are drawn here, because the shapes of the outputs must be known first. */
async function differenceQuotients(
  environment: Environment,
  testCase: GradientCase,
  { weights, eps }: { weights: Record<string, TensorData>; eps: number },
): Promise<Quotients> {
  const built = buildCase(testCase);
  for (const output of lossOutputs(built, testCase)) built.model.graph.addOutput(output);
  using session = await environment.createSession(encodeModel(built.model));
  using runs = new RepeatedRun(session, built.feeds);
  const loss = async (): Promise<number> => {
    let total = 0;
    for (const { name, tensor } of await runs.run()) {
      const weight = typedArray((weights[name] ??= randomLike(tensor, name)));
      for (const [i, element] of typedArray(tensor).entries()) total += Number(element) * Number(weight[i] ?? 0);
    }
    return total;
  };
  await loss();
  const quotients: Record<string, (number | undefined)[]> = {};
  const { sample = Infinity } = testCase;
  for (const { name } of built.wanted) {
    const original = built.feeds[name];
    if (original === undefined) continue;
    const lossWith = (changed: TensorData): Promise<number> => {
      runs.set(name, changed);
      return loss();
    };
    quotients[name] = await quotientsOf(original, { lossWith, eps, sample });
    runs.set(name, original);
  }
  return quotients;
}

interface Differences {
  lossWith(changed: TensorData): Promise<number>;
  readonly eps: number;
  readonly sample: number;
}

async function quotientsOf(original: TensorData, options: Differences): Promise<(number | undefined)[]> {
  const { lossWith, eps, sample } = options;
  const elements = numbers(original);
  const quotients: (number | undefined)[] = Array.from(elements, () => undefined);
  for (const [i, element] of elements.entries()) {
    if (!isSampled(i, elements.length, sample)) continue;
    const moved = (by: number): TensorData => tensorOf(original.dtype, original.shape, elements.with(i, element + by));
    const [up, down] = [moved(eps), moved(-eps)];
    // WHY not 2·eps: in f32 the two inputs do not differ by exactly that.
    const step = (numbers(up)[i] ?? 0) - (numbers(down)[i] ?? 0);
    quotients[i] = ((await lossWith(up)) - (await lossWith(down))) / step;
  }
  return quotients;
}

/** Whether element i is sampled. The samples are spread evenly over the elements. */
function isSampled(i: number, count: number, sample: number): boolean {
  return count <= sample || Math.floor((i * sample) / count) !== Math.floor(((i - 1) * sample) / count);
}

interface Wanted {
  readonly names: readonly string[];
  readonly weights: Readonly<Record<string, TensorData>>;
  readonly registry?: GradientRegistry;
}

/** Gradients by the rule, for these inputs only. */
async function gradientsOf(environment: Environment, testCase: GradientCase, wanted: Wanted): Promise<Arrays> {
  const built = buildCase(testCase);
  const { model, tape } = built;
  const terms = lossOutputs(built, testCase).map((output) => {
    const weight = model.graph.addInput(`weight of ${output.name}`, output.dtype, output.shape);
    const attributes = { keepdims: 0 };
    return { output, weight, sum: tape.op('ReduceSum', [tape.op('Mul', [output, weight])], { attributes }) };
  });
  const loss = tape.op(
    'Sum',
    terms.map(({ sum }) => sum),
  );
  const parameters = built.wanted.filter(({ name }) => wanted.names.includes(name));
  const gradients = differentiate(model, { loss, parameters, ...(wanted.registry && { registry: wanted.registry }) });
  const outputs = [...gradients].map(([parameter, gradient]) => {
    const output = tape.op('Identity', [gradient], { outputName: `gradient of ${parameter.name}` });
    return [parameter.name, model.graph.addOutput(output).name] as const;
  });
  using session = await environment.createSession(encodeModel(model));
  const feeds = Object.fromEntries(terms.map(({ output, weight }) => [weight.name, wanted.weights[output.name]]));
  const known = new Set(session.inputs.map(({ name }) => name));
  const all = Object.entries({ ...built.feeds, ...feeds }).flatMap(([name, data]) =>
    data && known.has(name) ? [[name, data] as const] : [],
  );
  const results = await runOnce(session, Object.fromEntries(all));
  return Object.fromEntries(outputs.map(([parameter, name]) => [parameter, numbers(results[name])]));
}

function lossOutputs({ outputs }: CaseModel, { lossOf = [0] }: GradientCase): Value[] {
  return lossOf.flatMap((index) => outputs[index] ?? []);
}

function compare(
  actual: readonly number[],
  expected: readonly (number | undefined)[],
  { tolerance, name, names }: { tolerance: Tolerance; name: string; names: readonly string[] },
): { absolute: number; relative: number } {
  const about = `gradient of ${name} (wanted: ${names.join(', ')})`;
  if (actual.length !== expected.length) throw new Error(`${about}: ${actual.length} elements for ${expected.length}`);
  let absolute = 0;
  for (const [i, wanted] of expected.entries()) {
    if (wanted === undefined) continue;
    const error = Math.abs((actual[i] ?? Number.NaN) - wanted);
    if (!(error <= tolerance.atol + tolerance.rtol * Math.abs(wanted))) {
      throw new Error(`${about}: element ${i} is ${actual[i]}, the difference quotient ${wanted}`);
    }
    absolute = Math.max(absolute, error);
  }
  const largest = Math.max(0, ...expected.map((wanted) => Math.abs(wanted ?? 0)));
  return { absolute, relative: largest === 0 ? 0 : absolute / largest };
}

function subsets(names: readonly string[]): string[][] {
  // WHY: four inputs have 15 subsets, and each needs a session.
  if (names.length > 3) return [...names.map((name) => [name]), [...names]];
  const all = names.reduce<string[][]>((sets, name) => [...sets, ...sets.map((set) => [...set, name])], [[]]);
  return all.filter((set) => set.length > 0);
}

function randomLike(tensor: TensorData, stream: string): TensorData {
  const random = createRandom(11, stream);
  return tensorOf(
    tensor.dtype,
    tensor.shape,
    numbers(tensor).map(() => random.normal()),
  );
}

function numbers(tensor: TensorData | undefined): number[] {
  return tensor ? Array.from<number | bigint, number>(typedArray(tensor), Number) : [];
}
