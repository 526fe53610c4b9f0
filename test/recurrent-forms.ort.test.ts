import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { differentiate } from '../src/autodiff/index.ts';
import { createRandom } from '../src/core/index.ts';
import { createModel, encodeModel, Tape, type Model, type Value } from '../src/ir/index.ts';
import { chunkGrid } from '../src/models/graph/recurrent/chunk-grid.ts';
import { deltaRule } from '../src/models/graph/recurrent/delta-rule.ts';
import { stateSpace } from '../src/models/graph/recurrent/mamba2.ts';
import { openEnvironment, runOnce, type Environment } from '../src/onnxruntime/index.ts';
import { tensorOf, typedArray, type TensorData } from '../src/tensor/index.ts';

type Arrays = Readonly<Record<string, Float64Array>>;
type Shapes = Readonly<Record<string, readonly number[]>>;

/** A recurrence by chunks as the models compute it, and step by step as its definition says. */
interface Form {
  readonly shapes: (seq: number) => Shapes;
  /** The logarithms of what is left of a state: below 0. */
  readonly ranges: Readonly<Record<string, readonly [number, number]>>;
  readonly build: (tape: Tape, inputs: Readonly<Record<string, Value>>, size: number) => { output: Value; end: Value };
  readonly stepwise: (inputs: Arrays, seq: number) => { output: Float64Array; end: Float64Array };
}

const [batch, groups, share, rows, columns] = [2, 2, 2, 3, 4];
const heads = groups * share;
const at = (array: Float64Array | undefined, index: number): number => array?.[index] ?? NaN;

const delta: Form = {
  shapes: (seq) => ({
    queries: [batch, seq, groups * rows],
    keys: [batch, seq, groups * rows],
    values: [batch, seq, heads * columns],
    rates: [batch, seq, heads],
    logarithms: [batch, seq, heads],
    start: [batch, groups, share, rows, columns],
  }),
  ranges: { rates: [0, 1], logarithms: [-1, 0], keys: [-0.7, 0.7] },
  build(tape, inputs, size) {
    const { queries, keys, values, rates, logarithms, start } = inputs;
    if (!queries || !keys || !values || !rates || !logarithms || !start) throw new TypeError('an input is missing');
    const sizes = { keyHeads: groups, share, keyDim: rows, valueDim: columns };
    const parts = { queries, keys, values, rates, logarithms, start };
    return deltaRule(tape, parts, { sizes, grid: gridOf(tape, values, size), isDifferentiated: true });
  },
  stepwise({ queries, keys, values, rates, logarithms, start }, seq) {
    const state = Float64Array.from(start ?? []);
    const output = new Float64Array(batch * seq * heads * columns);
    each(seq, ({ token, head, group, cell }) => {
      const decay = Math.exp(at(logarithms, token * heads + head));
      const key = (row: number): number => at(keys, (token * groups + group) * rows + row);
      for (let i = 0; i < rows * columns; i++) state[cell + i] = decay * at(state, cell + i);
      for (let column = 0; column < columns; column++) {
        const place = (token * heads + head) * columns + column;
        let known = 0;
        for (let row = 0; row < rows; row++) known += key(row) * at(state, cell + row * columns + column);
        const change = at(rates, token * heads + head) * (at(values, place) - known);
        let sum = 0;
        for (let row = 0; row < rows; row++) {
          const index = cell + row * columns + column;
          state[index] = at(state, index) + key(row) * change;
          sum += at(queries, (token * groups + group) * rows + row) * at(state, index);
        }
        output[place] = sum;
      }
    });
    return { output, end: state };
  },
};

const space: Form = {
  shapes: (seq) => ({
    inputs: [batch, seq, heads * columns],
    steps: [batch, seq, heads],
    logarithms: [batch, seq, heads],
    writes: [batch, seq, groups * rows],
    reads: [batch, seq, groups * rows],
    skips: [heads],
    start: [batch, groups, share, rows, columns],
  }),
  ranges: { steps: [0, 1], logarithms: [-1, 0] },
  build(tape, given, size) {
    const { inputs, steps, logarithms, writes, reads, skips, start } = given;
    if (!inputs || !steps || !logarithms || !writes || !reads || !skips || !start)
      throw new TypeError('an input is missing');
    const sizes = { groups, share, headDim: columns, stateDim: rows };
    const parts = { inputs, steps, logarithms, writes, reads, skips, start };
    return stateSpace(tape, parts, { sizes, grid: gridOf(tape, inputs, size) });
  },
  stepwise({ inputs, steps, logarithms, writes, reads, skips, start }, seq) {
    const state = Float64Array.from(start ?? []);
    const output = new Float64Array(batch * seq * heads * columns);
    each(seq, ({ token, head, group, cell }) => {
      const decay = Math.exp(at(logarithms, token * heads + head));
      for (let column = 0; column < columns; column++) {
        const place = (token * heads + head) * columns + column;
        let sum = at(skips, head) * at(inputs, place);
        for (let row = 0; row < rows; row++) {
          const index = cell + row * columns + column;
          const added = at(writes, (token * groups + group) * rows + row) * at(steps, token * heads + head);
          state[index] = decay * at(state, index) + added * at(inputs, place);
          sum += at(reads, (token * groups + group) * rows + row) * at(state, index);
        }
        output[place] = sum;
      }
    });
    return { output, end: state };
  },
};

interface Step {
  readonly token: number;
  readonly head: number;
  readonly group: number;
  /** Where the state of the head begins. */
  readonly cell: number;
}

function each(seq: number, act: (step: Step) => void): void {
  for (let row = 0; row < batch; row++) {
    for (let position = 0; position < seq; position++) {
      for (let head = 0; head < heads; head++) {
        const cell = (row * heads + head) * rows * columns;
        act({ token: row * seq + position, head, group: Math.floor(head / share), cell });
      }
    }
  }
}

function gridOf(tape: Tape, values: Value, size: number): ReturnType<typeof chunkGrid> {
  const rectangle = tape.op('Shape', [values], { attributes: { start: 0, end: 2 } });
  const seq = tape.op('Shape', [values], { attributes: { start: 1, end: 2 } });
  return chunkGrid(tape, { seq, rectangle, size, dtype: 'float64' });
}

function buildForm(
  form: Form,
  size: number,
): { model: Model; tape: Tape; inputs: Record<string, Value>; outputs: Value[] } {
  const model = createModel({ opset: 21 });
  const tape = new Tape(model);
  const inputs = Object.fromEntries(
    Object.entries(form.shapes(1)).map(([name, shape]) => {
      const dims = shape.map((dim, i) => (i === 0 && dim === batch ? 'batch' : i === 1 && dim === 1 ? 'seq' : dim));
      return [name, model.graph.addInput(name, 'float64', dims)];
    }),
  );
  const { output, end } = form.build(tape, inputs, size);
  return { model, tape, inputs, outputs: [output, end] };
}

function randomFeeds(form: Form, seq: number): Record<string, TensorData> {
  return Object.fromEntries(
    Object.entries(form.shapes(seq)).map(([name, shape]) => {
      const random = createRandom(5, name);
      const [low, high] = form.ranges[name] ?? [-1, 1];
      const count = shape.reduce((product, dim) => product * dim, 1);
      const values = Array.from({ length: count }, () => low + (high - low) * random.uniform());
      return [name, tensorOf('float64', shape, values)];
    }),
  );
}

const numbers = (data: TensorData | undefined): Float64Array => Float64Array.from(data ? typedArray(data) : [], Number);
const largest = (values: Iterable<number>): number =>
  [...values].reduce((max, value) => Math.max(max, Math.abs(value)), 0);

let environment: Environment;
beforeAll(() => {
  environment = openEnvironment({ threads: 1 });
});
afterAll(() => environment.dispose());

describe.each(Object.entries({ 'the gated delta rule': delta, 'the state space of Mamba 2': space }))(
  '%s',
  (_, form) => {
    it.each([
      [1, 8],
      [5, 8],
      [8, 8],
      [29, 8],
      [70, 32],
    ])('gives by chunks what it gives step by step: %i tokens in chunks of %i', async (seq, size) => {
      const { model, outputs } = buildForm(form, size);
      for (const output of outputs) model.graph.addOutput(output);
      using session = await environment.createSession(encodeModel(model));
      const feeds = randomFeeds(form, seq);
      const results = await runOnce(session, feeds);
      const arrays = Object.fromEntries(Object.entries(feeds).map(([name, data]) => [name, numbers(data)]));
      const expected = form.stepwise(arrays, seq);
      for (const [place, wanted] of [expected.output, expected.end].entries()) {
        const found = numbers(results[outputs[place]?.name ?? '']);
        expect(found).toHaveLength(wanted.length);
        expect(largest(found.map((value, i) => value - at(wanted, i)))).toBeLessThan(1e-9);
      }
    });

    it('has the gradients of central differences, in f64', async () => {
      const { model, tape, inputs, outputs } = buildForm(form, 4);
      const weights = outputs.map(({ name, shape }) => model.graph.addInput(`weight of ${name}`, 'float64', shape));
      const sums = outputs.map((output, i) => {
        const product = tape.op('Mul', [output, weights[i]], { shape: output.shape ?? [], dtype: 'float64' });
        return tape.op('ReduceSum', [product], { attributes: { keepdims: 0 } });
      });
      const loss = tape.op('Sum', sums, { shape: [] });
      model.graph.addOutput(loss);
      const gradients = differentiate(model, { loss, parameters: Object.values(inputs) });
      for (const gradient of gradients.values()) model.graph.addOutput(gradient);
      using session = await environment.createSession(encodeModel(model));
      const feeds = randomFeeds(form, 11);
      const random = createRandom(9, 'weights');
      const sizes = [batch * 11 * heads * columns, batch * heads * rows * columns];
      const shapes = [
        [batch, 11, heads * columns],
        [batch, groups, share, rows, columns],
      ];
      for (const [i, { name }] of weights.entries()) {
        const values = Array.from({ length: sizes[i] ?? 0 }, () => random.normal());
        feeds[name] = tensorOf('float64', shapes[i] ?? [], values);
      }
      const results = await runOnce(session, feeds);
      const lossWith = async (name: string, data: TensorData): Promise<number> =>
        at(numbers((await runOnce(session, { ...feeds, [name]: data }, [loss.name]))[loss.name]), 0);
      for (const [parameter, gradient] of gradients) {
        const data = feeds[parameter.name];
        if (data === undefined) throw new TypeError('every parameter has data');
        const found = numbers(results[gradient.name]);
        const step = Math.max(1, Math.floor(found.length / 12));
        for (let index = 0; index < found.length; index += step) {
          const moved = (by: number): TensorData =>
            tensorOf(
              'float64',
              data.shape,
              numbers(data).map((value, i) => (i === index ? value + by : value)),
            );
          const difference =
            (await lossWith(parameter.name, moved(1e-6))) - (await lossWith(parameter.name, moved(-1e-6)));
          expect(Math.abs(at(found, index) - difference / 2e-6)).toBeLessThan(1e-6 * Math.max(1, largest(found)));
        }
      }
    });
  },
);
