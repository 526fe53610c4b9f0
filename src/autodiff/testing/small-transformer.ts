import { createRandom } from '../../core/index.ts';
import { createModel, float, Tape, type Dim, type Model, type Value } from '../../ir/index.ts';
import { tensorOf, type TensorData } from '../../tensor/index.ts';
import { microsoft } from '../emit.ts';

/** A graph with the parts of a language model, and its loss. */
export interface SmallTransformer {
  readonly model: Model;
  /** f64 [] */
  readonly loss: Value;
  readonly parameters: readonly Value[];
  readonly feeds: Readonly<Record<string, TensorData>>;
}

const [batch, seq, hidden, heads, kvHeads, headDim, vocab, inner, rank] = [2, 3, 8, 4, 2, 2, 7, 6, 2];

/**
 * One block of a Llama in f64, with adapters on every matrix: embedding (tied to the head), norms, rotary grouped-query attention
 * with a causal mask, a gated feed-forward network, and a summed loss that ignores some targets. Batch and length are symbols.
 */
export function smallTransformer(): SmallTransformer {
  const builder = new Builder();
  const { tape, model } = builder;
  const ids = model.graph.addInput('ids', 'int64', ['batch', 'seq']);
  const embedding = builder.parameter('embedding', [vocab, hidden]);
  const x = tape.op('Gather', [embedding, tape.op('Reshape', [ids, tape.int64s([-1])])]);
  const afterAttention = tape.op('Add', [x, attention(builder, builder.norm('norm.1', x), ids)]);
  const afterMlp = tape.op('Add', [afterAttention, mlp(builder, builder.norm('norm.2', afterAttention))]);
  const logits = tape.op('Gemm', [builder.norm('norm.3', afterMlp), embedding], { attributes: { transB: 1 } });
  const labels = model.graph.addInput('labels', 'int64', ['batch*seq']);
  const loss = tape.op('SoftmaxCrossEntropyLoss', [logits, labels], {
    attributes: { reduction: 'sum', ignore_index: -100 },
  });
  const feeds = {
    ...builder.feeds,
    ids: tensorOf('int64', [batch, seq], [3, 1, 3, 6, 0, 2]),
    labels: tensorOf('int64', [batch * seq], [1, 3, -100, 0, 2, 5]),
  };
  return { model, loss, parameters: builder.parameters, feeds };
}

class Builder {
  readonly model = createModel();
  readonly tape = new Tape(this.model);
  readonly parameters: Value[] = [];
  readonly feeds: Record<string, TensorData> = {};

  parameter(name: string, shape: readonly number[]): Value {
    const random = createRandom(3, name);
    const count = shape.reduce((product, dim) => product * dim, 1);
    this.feeds[name] = tensorOf(
      'float64',
      shape,
      Array.from({ length: count }, () => random.normal() / 2),
    );
    const value = this.model.graph.addInput(name, 'float64', shape);
    this.parameters.push(value);
    return value;
  }

  /** An input that is not a parameter. */
  table(name: string, shape: readonly Dim[], data: TensorData): Value {
    this.feeds[name] = data;
    return this.model.graph.addInput(name, 'float64', shape);
  }

  norm(name: string, x: Value): Value {
    const attributes = { axis: -1, epsilon: float(1e-5) };
    return this.tape.op('SimplifiedLayerNormalization', [x, this.parameter(name, [hidden])], { attributes });
  }

  /** x·Wᵀ + 0.5·(x·Aᵀ)·Bᵀ */
  linear(name: string, x: Value, [width, out]: readonly [number, number]): Value {
    const y = this.tape.op('Gemm', [x, this.parameter(name, [out, width])], { attributes: { transB: 1 } });
    const u = this.tape.op('Gemm', [x, this.parameter(`${name}.A`, [rank, width])], { attributes: { transB: 1 } });
    const attributes = { transB: 1, alpha: float(0.5) };
    return this.tape.op('Gemm', [u, this.parameter(`${name}.B`, [out, rank]), y], { attributes });
  }
}

function attention(builder: Builder, x: Value, ids: Value): Value {
  const { tape } = builder;
  const rows = tape.op('Shape', [ids]);
  const rotation = { tape, cos: angles(builder, 'cos', Math.cos), sin: angles(builder, 'sin', Math.sin) };
  const split = (name: string, count: number): Value => {
    const shape = tape.op('Concat', [rows, tape.int64s([count, headDim])], { attributes: { axis: 0 } });
    const flat = builder.linear(name, x, [hidden, count * headDim]);
    return tape.op('Transpose', [tape.op('Reshape', [flat, shape])], { attributes: { perm: [0, 2, 1, 3] } });
  };
  const [q, k, v] = [rotate(rotation, split('q', heads)), rotate(rotation, split('k', kvHeads)), split('v', kvHeads)];
  const grouped = tape.op('Reshape', [q, tape.int64s([0, kvHeads, -1, headDim])]);
  const products = tape.op('FusedMatMul', [grouped, k], {
    domain: microsoft,
    attributes: { transB: 1, alpha: float(0.7) },
  });
  const scores = tape.op('Add', [reshape(tape, products, ['batch', heads, 'seq', 'seq'], ids), causalMask(builder)]);
  const weights = tape.op('Softmax', [scores], { attributes: { axis: -1 } });
  const folded = reshape(tape, weights, ['batch', kvHeads, `${heads / kvHeads}*seq`, 'seq'], ids);
  const mixed = tape.op('Reshape', [tape.op('MatMul', [folded, v]), tape.int64s([0, heads, -1, headDim])]);
  const joined = tape.op('Transpose', [mixed], { attributes: { perm: [0, 2, 1, 3] } });
  const flat = tape.op('Reshape', [joined, tape.int64s([-1, heads * headDim])]);
  return builder.linear('o', flat, [heads * headDim, hidden]);
}

/** Reshapes to [batch, n, remaining size, seq]. */
function reshape(tape: Tape, x: Value, shape: readonly Dim[], ids: Value): Value {
  const last = tape.op('Shape', [ids], { attributes: { start: 1 } });
  const target = tape.op('Concat', [tape.int64s([0, Number(shape[1]), -1]), last], { attributes: { axis: 0 } });
  return tape.op('Reshape', [x, target], { shape });
}

/** f64 ['seq', 'seq'] */
function causalMask(builder: Builder): Value {
  const rows = [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => (column > row ? -1e9 : 0)));
  return builder.table('mask', ['seq', 'seq'], tensorOf('float64', [seq, seq], rows));
}

interface Rotation {
  readonly tape: Tape;
  /** f64 ['seq', 1] */
  readonly cos: Value;
  readonly sin: Value;
}

function angles(builder: Builder, name: string, turn: (angle: number) => number): Value {
  return builder.table(name, ['seq', 1], tensorOf('float64', [seq, 1], [0, 1, 2].map(turn)));
}

/** Rotary embedding: rotates the two halves of each head by an angle for each position. */
function rotate({ tape, cos, sin }: Rotation, x: Value): Value {
  const halves = { attributes: { axis: -1 }, outputs: 2 };
  const [left, right] = tape.ops('Split', [x, tape.int64s([headDim / 2, headDim / 2])], halves);
  if (left === undefined || right === undefined) throw new TypeError('a head has two halves');
  const turned = tape.op('Concat', [tape.op('Neg', [right]), left], { attributes: { axis: -1 } });
  const cosines = tape.op('Mul', [x, cos]);
  return tape.op('Add', [cosines, tape.op('Mul', [turned, sin])]);
}

function mlp(builder: Builder, x: Value): Value {
  const { tape } = builder;
  const gate = builder.linear('gate', x, [hidden, inner]);
  const gated = tape.op('Mul', [gate, tape.op('Sigmoid', [gate])]);
  return builder.linear('down', tape.op('Mul', [gated, builder.linear('up', x, [hidden, inner])]), [inner, hidden]);
}
