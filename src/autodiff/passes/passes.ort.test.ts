import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../core/index.ts';
import { createModel, encodeModel, runPasses, Tape, verifyModel, type Model, type Value } from '../../ir/index.ts';
import { openEnvironment, runOnce, type Environment } from '../../onnxruntime/index.ts';
import { tensorOf, toFloat32, type TensorData } from '../../tensor/index.ts';
import { differentiate, gradientKey } from '../differentiate.ts';
import { dropExpands } from './drop-expands.ts';
import { fuseGradientSums } from './fuse-gradient-sums.ts';

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

interface Built {
  readonly model: Model;
  readonly feeds: Readonly<Record<string, TensorData>>;
}

/** A graph with its gradients as outputs; `build` gives what the loss sums. */
function build(shapes: Readonly<Record<string, readonly number[]>>, body: (tape: Tape, x: Value[]) => Value): Built {
  const model = createModel();
  const tape = new Tape(model);
  const inputs = Object.entries(shapes).map(([name, shape]) => model.graph.addInput(name, 'float32', shape));
  const y = body(tape, inputs);
  const loss = tape.op('ReduceSum', [tape.op('Mul', [y, y])], { attributes: { keepdims: 0 } });
  for (const gradient of differentiate(model, { loss, parameters: inputs }).values()) model.graph.addOutput(gradient);
  const random = createRandom(1);
  const feeds = Object.entries(shapes).map(([name, shape]) => {
    const count = shape.reduce((product, dim) => product * dim, 1);
    return [
      name,
      tensorOf(
        'float32',
        shape,
        Array.from({ length: count }, () => random.normal()),
      ),
    ] as const;
  });
  return { model, feeds: Object.fromEntries(feeds) };
}

async function gradients({ model, feeds }: Built): Promise<number[][]> {
  using session = await environment.createSession(encodeModel(model));
  const results = await runOnce(session, feeds);
  return model.graph.outputs.flatMap(({ name }) => {
    const result = results[name];
    return result ? [Array.from(toFloat32(result), (value) => Math.round(value * 1e4) / 1e4)] : [];
  });
}

function operators({ graph }: Model): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { opType } of graph.nodes) counts[opType] = (counts[opType] ?? 0) + 1;
  return counts;
}

/** Three products of one input, as of a layer's queries, keys and values, beside a residual. */
const threeProducts = (tape: Tape, [x, a, b, c]: Value[]): Value => {
  const product = (w: Value | undefined): Value => tape.op('Gemm', [x, w], { attributes: { transB: 1 } });
  return tape.op('Add', [tape.op('Add', [product(a), product(b)]), tape.op('Mul', [product(c), x])]);
};
const twoProducts = (tape: Tape, [x, a, b]: Value[]): Value =>
  tape.op('Add', [tape.op('MatMul', [x, a]), tape.op('MatMul', [x, b])]);

const squares = { x: [5, 4], a: [4, 4], b: [4, 4], c: [4, 4] };

describe('fuseGradientSums', () => {
  it('leaves one chain of Gemms where several products of one input were summed', () => {
    const { model } = build(squares, threeProducts);
    const before = operators(model);
    const { changes } = runPasses(model, [fuseGradientSums]);
    expect(changes.join()).toMatch(/^fuse-gradient-sums: .*3 products/);
    expect(before['Sum']).toBe(1);
    expect(operators(model)['Sum']).toBeUndefined();
    verifyModel(model);
  });

  it('changes no gradient', async () => {
    const [plain, fused] = [build(squares, threeProducts), build(squares, threeProducts)];
    runPasses(fused.model, [fuseGradientSums]);
    expect(await gradients(fused)).toEqual(await gradients(plain));
  });

  it('keeps a product that is a graph output', async () => {
    const shapes = { x: [3, 3], a: [3, 3], b: [3, 3] };
    const [plain, fused] = [build(shapes, twoProducts), build(shapes, twoProducts)];
    for (const { model } of [plain, fused]) {
      const product = model.graph.nodes.find(({ opType, metadata }) => opType === 'Gemm' && metadata.has(gradientKey));
      for (const output of product?.outputs ?? []) if (output) model.graph.addOutput(output);
    }
    runPasses(fused.model, [fuseGradientSums]);
    expect(await gradients(fused)).toEqual(await gradients(plain));
  });

  it('leaves products of several axes alone', () => {
    const { model } = build({ x: [2, 3, 3], a: [2, 3, 3], b: [2, 3, 3] }, twoProducts);
    expect(runPasses(model, [fuseGradientSums]).modified).toBe(false);
  });

  it('finds nothing the second time', () => {
    const { model } = build(squares, threeProducts);
    runPasses(model, [fuseGradientSums]);
    expect(runPasses(model, [fuseGradientSums]).modified).toBe(false);
  });
});

/** x centred: the gradient of the mean is one number a row. */
const squaredRows = (tape: Tape, [x, y]: Value[]): Value => {
  const mean = tape.op('ReduceMean', [tape.op('Mul', [x, y]), tape.int64s([-1])]);
  return tape.op('Sub', [x, mean]);
};

describe('dropExpands', () => {
  const shapes = { x: [3, 4], y: [3, 4] };

  it('takes away the Expand that a product would broadcast anyway', async () => {
    const [plain, dropped] = [build(shapes, squaredRows), build(shapes, squaredRows)];
    expect(operators(plain.model)['Expand']).toBe(2);
    runPasses(dropped.model, [dropExpands]);
    expect(operators(dropped.model)['Expand']).toBeUndefined();
    expect(await gradients(dropped)).toEqual(await gradients(plain));
  });

  it('keeps one whose full shape nothing else gives', () => {
    const { model } = build({ x: [3, 4] }, (tape, [x]) => tape.op('ReduceSum', [x, tape.int64s([0])]));
    runPasses(model, [dropExpands]);
    const [gradient] = model.graph.outputs;
    expect([gradient?.producer?.opType, operators(model)['Expand']]).toEqual(['Expand', 1]);
  });
});
