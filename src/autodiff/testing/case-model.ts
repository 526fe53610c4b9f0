import { createRandom } from '../../core/index.ts';
import { createModel, Tape, type Dim, type Model, type Value } from '../../ir/index.ts';
import { tensorOf, type DataType, type TensorData } from '../../tensor/index.ts';
import type { CaseDim, CaseInput, GradientCase, InputSpec } from './gradient-case.ts';

/** The graph of a case: its operator, its inputs and their data. */
export interface CaseModel {
  readonly model: Model;
  readonly tape: Tape;
  readonly outputs: readonly Value[];
  /** Graph inputs whose gradients are checked. */
  readonly wanted: readonly Value[];
  readonly feeds: Readonly<Record<string, TensorData>>;
}

/** Builds the graph of a case. Repeated calls give the same graph and the same data. */
export function buildCase(testCase: GradientCase): CaseModel {
  const { dtype = 'float64', outputShape } = testCase;
  const model = createModel({ opset: testCase.opset ?? 21 });
  const tape = new Tape(model);
  const feeds: Record<string, TensorData> = {};
  const values = new Map<string, Value>();
  const wanted: Value[] = [];
  for (const [name, input] of Object.entries(testCase.inputs)) {
    if (input === undefined || name.endsWith('*')) continue;
    const spec = normalize(input, dtype);
    const data = dataOf(name, spec);
    const value = spec.constant
      ? tape.constant(data, name)
      : model.graph.addInput(name, spec.dtype, dimsOf(spec.shape));
    values.set(name, value);
    if (!spec.constant) feeds[name] = data;
    if (!spec.constant && spec.wanted) wanted.push(value);
  }
  const inputs = Object.keys(testCase.inputs).map((name) => values.get(name.replace('*', '')));
  if (testCase.build) {
    return { model, tape, outputs: testCase.build(tape, Object.fromEntries(values)), wanted, feeds };
  }
  const outputs = tape.ops(testCase.op, inputs, {
    ...(testCase.domain && { domain: testCase.domain }),
    ...(testCase.attributes && { attributes: testCase.attributes }),
    ...(testCase.metadata && { metadata: testCase.metadata }),
    ...(outputShape && { shape: outputShape, dtype }),
    outputs: testCase.outputs ?? 1,
    name: 'tested',
  });
  return { model, tape, outputs, wanted, feeds };
}

function normalize(input: CaseInput, dtype: DataType): Required<Pick<InputSpec, 'dtype' | 'wanted'>> & InputSpec {
  const spec: InputSpec = 'shape' in input ? input : { shape: input };
  const own = spec.dtype ?? dtype;
  return { dtype: own, wanted: own.startsWith('float'), ...spec };
}

/** The sizes of a shape, without the names of symbols. */
export function sizesOf(shape: readonly CaseDim[]): number[] {
  return shape.map((dim) => (typeof dim === 'number' ? dim : Number(dim.split('=')[1])));
}

function dimsOf(shape: readonly CaseDim[]): Dim[] {
  return shape.map((dim) => (typeof dim === 'number' ? dim : dim.split('=')[0]));
}

function dataOf(name: string, spec: ReturnType<typeof normalize>): TensorData {
  const shape = sizesOf(spec.shape);
  const random = createRandom(7, name);
  const count = shape.reduce((product, dim) => product * dim, 1);
  const { range, values } = spec;
  const draw = (): number => (range ? range[0] + (range[1] - range[0]) * random.uniform() : random.normal());
  return tensorOf(spec.dtype, shape, values ?? Array.from({ length: count }, draw));
}
