import { createModel, Tape, type Model, type Value } from '../../ir/index.ts';
import { createRandom } from '../../core/index.ts';
import { tensorOf, zerosOf, type TensorOf } from '../../tensor/index.ts';

/** A tensor of seeded normal numbers. */
export function randomTensor(shape: readonly number[], name: string): TensorOf<'float32'> {
  const random = createRandom(11, name);
  return tensorOf(
    'float32',
    shape,
    Float32Array.from(
      zerosOf('float32', shape).bytes.filter((_, i) => i % 4 === 0),
      () => random.normal(),
    ),
  );
}

export const sizes = { a: { in: 3, out: 5 }, b: { in: 5, out: 4 }, c: { in: 4, out: 2 } } as const;

/**
 * Three consecutive linear layers with a ReLU between the first two. `net.c` computes the graph's output. Layer a is a Gemm with
 * a bias and a weight in half precision, b is a Gemm or a MatMul, and c is a MatMul.
 */
export function smallModel(options: { readonly axes?: 2 | 3 } = {}): Model {
  const model = createModel({ graphName: 'small' });
  const { graph } = model;
  const tape = new Tape(model, { scope: 'net' });
  const tokens = options.axes === 3 ? ['batch', 'seq'] : ['tokens'];
  const x = graph.addInput('x', 'float32', [...tokens, sizes.a.in]);
  const scoped = (path: string): Tape => tape.scoped(path, { 'espalier.module': `net.${path}` });
  const a = linearA(tape, scoped('a'), x);
  const b = options.axes === 3 ? matMul(scoped('b'), a, 'b') : gemm(scoped('b'), a, 'b');
  graph.addOutput(matMul(scoped('c'), b, 'c'));
  return model;
}

/** f16 [5, 3], as a half-precision checkpoint stores it. */
export const weightA = (): TensorOf<'float16'> =>
  tensorOf('float16', [5, 3], [1, -2, 3, 0.5, 1, 0, -1, 2, 2, 0, 0, 1, 3, 1, 1]);

function linearA(plain: Tape, tape: Tape, x: Value): Value {
  const weight = plain.op('Cast', [plain.constant(weightA(), 'a.weight')], { attributes: { to: 1 } });
  const flat =
    x.shape?.length === 2
      ? tape.op('Gemm', [x, weight, plain.constant(randomTensor([5], 'bias'))], { attributes: { transB: 1 } })
      : undefined;
  const y = flat ?? tape.op('MatMul', [x, plain.op('Transpose', [weight])]);
  return plain.op('Relu', [y]);
}

function gemm(tape: Tape, x: Value, name: 'b' | 'c'): Value {
  const { in: width, out } = sizes[name];
  return tape.op('Gemm', [x, tape.constant(randomTensor([out, width], name), 'weight')], { attributes: { transB: 1 } });
}

function matMul(tape: Tape, x: Value, name: 'b' | 'c'): Value {
  const { in: width, out } = sizes[name];
  return tape.op('MatMul', [x, tape.constant(randomTensor([width, out], name), 'weight')]);
}
