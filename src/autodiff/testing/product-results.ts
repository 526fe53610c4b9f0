import { encodeModel, runPasses, type Pass, type Tape, type Value } from '../../ir/index.ts';
import { runOnce, type Environment } from '../../onnxruntime/index.ts';
import { toFloat32, type TensorData } from '../../tensor/index.ts';
import { differentiate } from '../differentiate.ts';

export interface ProductResults {
  readonly y: Float32Array;
  readonly dx: Float32Array;
  /** Of the graph after the passes. */
  readonly operators: string[];
}

export interface ProductRun {
  readonly environment: Environment;
  readonly passes: readonly Pass[];
  /** The graph input. */
  readonly input: Value;
  readonly x: TensorData;
  readonly y: Value;
  /** Session configuration entries of ONNX Runtime. */
  readonly config?: Readonly<Record<string, string>>;
}

/** y, and the gradient of Σ y²/2 with respect to x, whose gradient with respect to y is y, as the graph gives them after the passes. */
export async function productResults(
  tape: Tape,
  { environment, passes, input, x, y, config = {} }: ProductRun,
): Promise<ProductResults> {
  const { model } = tape;
  const half = tape.op('Mul', [tape.op('Mul', [y, y]), tape.scalar(0.5)]);
  const loss = tape.op('ReduceSum', [half], { attributes: { keepdims: 0 } });
  const dx = differentiate(model, { loss, parameters: [input] }).get(input);
  if (dx === undefined) throw new Error('x has a gradient');
  for (const output of [y, dx])
    model.graph.addOutput(tape.op('Identity', [output], { outputName: output === y ? 'y' : 'dx' }));
  runPasses(model, passes);
  using session = await environment.createSession(encodeModel(model), { config });
  const results = await runOnce(session, { x });
  const floats = (name: string): Float32Array => Float32Array.from(results[name] ? toFloat32(results[name]) : []);
  return { y: floats('y'), dx: floats('dx'), operators: model.graph.nodes.map(({ opType }) => opType) };
}

/** Half to even, as QuantizeLinear rounds. */
export function toEven(value: number): number {
  const down = Math.floor(value);
  if (value - down !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}
