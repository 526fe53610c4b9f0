import { createRandom } from '../../core/index.ts';
import { createModel, type Model, Tape, type Value } from '../../ir/index.ts';
import { tensorOf, type TensorData } from '../../tensor/index.ts';

/** Numbers from -1 to 1 that a seed and a name fix. */
export function randomTensor(shape: readonly number[], name: string, seed = 1): TensorData {
  const random = createRandom(seed, name);
  const count = shape.reduce((product, dim) => product * dim, 1);
  return tensorOf(
    'float32',
    shape,
    Array.from({ length: count }, () => 2 * random.uniform() - 1),
  );
}

/** y [batch, out] = W2·relu(W1·x), x [batch, in]; its two products are the modules fc1 and fc2. */
export function mlpModel(sizes: { readonly in: number; readonly hidden: number; readonly out: number }): Model {
  const model = createModel({ graphName: 'mlp' });
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', ['batch', sizes.in]);
  const hidden = tape.op('Relu', [dense(tape, x, { name: 'fc1', in: sizes.in, out: sizes.hidden })]);
  model.graph.addOutput(dense(tape, hidden, { name: 'fc2', in: sizes.hidden, out: sizes.out, output: 'y' }));
  return model;
}

function dense(
  tape: Tape,
  x: Value,
  { name, output, ...size }: { name: string; in: number; out: number; output?: string },
): Value {
  const weight = tape.constant(randomTensor([size.out, size.in], `${name}.weight`), `${name}.weight`);
  const bias = tape.constant(randomTensor([size.out], `${name}.bias`), `${name}.bias`);
  const attributes = { transB: 1 };
  return tape.op('Gemm', [x, weight, bias], { name, attributes, ...(output && { outputName: output }) });
}

/** vectors [batch, seq, 4] and lengths i64 [batch] of token ids i64 [batch, seq], each row for itself. */
export function tokenModel(): Model {
  const model = createModel({ graphName: 'tokens' });
  const tape = new Tape(model);
  const ids = model.graph.addInput('ids', 'int64', ['batch', 'seq']);
  const table = tape.constant(randomTensor([16, 4], 'table'), 'table');
  const vectors = tape.op('Gather', [table, ids], { attributes: { axis: 0 } });
  model.graph.addOutput(tape.op('Tanh', [vectors], { outputName: 'vectors' }));
  const axes = tape.constant(tensorOf('int64', [1], [1]), 'axes');
  model.graph.addOutput(tape.op('ReduceSum', [ids, axes], { attributes: { keepdims: 0 }, outputName: 'sums' }));
  return model;
}

/** y [batch, 3] = x / max(x of all rows): it looks as if its rows were joined, and they are not. */
export function mixingModel(): Model {
  const model = createModel({ graphName: 'mixing' });
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', ['batch', 3]);
  const largest = tape.op('ReduceMax', [x], { attributes: { keepdims: 0 } });
  model.graph.addOutput(tape.op('Div', [x, largest], { outputName: 'y' }));
  return model;
}

/** places i64 [2, n]: the indices of the nonzero elements of x [batch, 3]. n is unknown before the run. */
export function nonZeroModel(): Model {
  const model = createModel({ graphName: 'nonzero' });
  const tape = new Tape(model);
  const x = model.graph.addInput('x', 'float32', ['batch', 3]);
  model.graph.addOutput(tape.op('NonZero', [x], { outputName: 'places' }));
  return model;
}

/** y = data, shaped as the input shape i64 [2] says; the file claims that it is always [2, 3]. */
export function reshapingModel(): Model {
  const model = createModel({ graphName: 'reshaping' });
  const tape = new Tape(model);
  const data = model.graph.addInput('data', 'float32', [6]);
  const shape = model.graph.addInput('shape', 'int64', [2]);
  const y = tape.op('Reshape', [data, shape], { outputName: 'y' });
  y.shape = [2, 3];
  model.graph.addOutput(y);
  return model;
}

/** y = x: strings [n]. */
export function stringModel(): Model {
  const model = createModel({ graphName: 'strings' });
  const x = model.graph.addInput('x', 'string', ['n']);
  model.graph.addOutput(new Tape(model).op('Identity', [x], { outputName: 'y' }));
  return model;
}
