import { differentiate, gradientPasses, type GradientRegistry } from '../../autodiff/index.ts';
import { encodeModel, runPasses, type Model, type Value } from '../../ir/index.ts';
import { runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../../tensor/index.ts';

/** A tensor of numbers that f32 holds exactly, as f64. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** Numbers between ± `size` that look random and are the same in every run. */
export function numbers(
  shape: readonly number[],
  { seed, size }: { readonly seed: number; readonly size: number },
): Numbers {
  const count = shape.reduce((product, extent) => product * extent, 1);
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.fround((state / 2 ** 31) * size);
  };
  return { shape, values: Float64Array.from({ length: count }, next) };
}

/** The gradient of f by central differences in f64. */
export function centralDifferences(f: () => number, { values }: Numbers, step = 1e-5): Float64Array {
  return values.map((value, i) => {
    const at = (moved: number): number => {
      values[i] = moved;
      return f();
    };
    const slope = (at(value + step) - at(value - step)) / (2 * step);
    values[i] = value;
    return slope;
  });
}

export interface GradientRun {
  readonly environment: Environment;
  readonly model: Model;
  /** f32 [], an output of the graph */
  readonly loss: Value;
  /** The values of the graph's inputs; others are not used. */
  readonly feeds: ReadonlyMap<string, Numbers>;
  /** Inputs of the graph that are no floats. */
  readonly others?: Readonly<Record<string, TensorData>>;
  /** The folder of the files that the graph reads. */
  readonly baseDir?: string;
  /** The rules of the gradients. Default: the standard rules. */
  readonly registry?: GradientRegistry;
}

/** The loss of a graph, and its gradients for inputs of these names, through the passes of training. */
export async function gradientsOf(
  { environment, model, loss, feeds, others = {}, baseDir, registry }: GradientRun,
  names: readonly string[],
): Promise<{ readonly loss: number; readonly gradients: ReadonlyMap<string, Float32Array> }> {
  const parameters = names.map((name) => valueNamed(model, name));
  const found = differentiate(model, { loss, parameters, ...(registry && { registry }) });
  const outputs = parameters.map((parameter) => model.graph.addOutput(gradientOf(found, parameter)).name);
  runPasses(model, gradientPasses);
  const options = baseDir === undefined ? {} : { externalDataFolder: baseDir };
  using session = await environment.createSession(encodeModel(model), options);
  const isInput = new Set(model.graph.inputs.map(({ name }) => name));
  const given = [...feeds].filter(([name]) => isInput.has(name));
  const inputs = given.map(([name, { shape, values }]): [string, TensorData] => [
    name,
    tensorOf('float32', shape, Float32Array.from(values)),
  ]);
  const results = await runOnce(session, { ...Object.fromEntries(inputs), ...others });
  const read = (name: string): Float32Array => toFloat32(results[name] ?? tensorOf('float32', [0], []));
  return {
    loss: read(loss.name)[0] ?? NaN,
    gradients: new Map(names.map((name, i) => [name, read(outputs[i] ?? '')])),
  };
}

function valueNamed(model: Model, name: string): Value {
  const value = model.graph.value(name);
  if (value === undefined) throw new Error(`the graph has no ${name}`);
  return value;
}

function gradientOf(found: ReadonlyMap<Value, Value>, parameter: Value): Value {
  const gradient = found.get(parameter);
  if (gradient === undefined) throw new Error(`${parameter.name} has no gradient`);
  return gradient;
}

/** The largest difference, relative to the largest number that is expected. If all are 0, all must be. */
export function farthestFrom(expected: Float64Array, actual: Float32Array | undefined): number {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - (actual?.[i] ?? NaN))), 0);
  return worst === 0 ? 0 : worst / largest;
}
