import * as fc from 'fast-check';
import { tensorOf } from '../../tensor/index.ts';
import { float, floats, strings } from '../attribute.ts';
import { inlineConstant } from '../constant.ts';
import { Graph, type AttributeInput, type Value } from '../graph.ts';
import { createModel, type Model } from '../model.ts';
import { Tape } from '../tape.ts';

/** One operator to record. Its operands are chosen among the values that exist at that point. */
interface Step {
  readonly kind: 'unary' | 'binary' | 'optional' | 'many' | 'constant' | 'external' | 'branch';
  readonly a: number;
  readonly b: number;
  readonly attributes: Record<string, AttributeInput>;
  readonly text: string;
}

const text = fc.string({ unit: 'grapheme', maxLength: 8 });

const attribute: fc.Arbitrary<AttributeInput> = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.float().map(float),
  fc.array(fc.float(), { maxLength: 3 }).map(floats),
  fc.array(fc.integer(), { maxLength: 4 }),
  fc.array(text, { maxLength: 3 }).map(strings),
  text,
  fc
    .array(fc.integer({ min: -128, max: 127 }), { maxLength: 5 })
    .map((values) => tensorOf('int8', [values.length], values)),
);

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('unary', 'unary', 'binary', 'binary', 'optional', 'many', 'constant', 'external', 'branch'),
  a: fc.nat(99),
  b: fc.nat(99),
  attributes: fc.dictionary(fc.string({ minLength: 1, maxLength: 6 }), attribute, {
    maxKeys: 3,
    noNullPrototype: true,
  }),
  text,
});

/** Small models with all features: omitted inputs, several outputs, all attributes, external data, subgraphs that capture values. */
export const randomModel: fc.Arbitrary<Model> = fc
  .record({
    steps: fc.array(step, { minLength: 1, maxLength: 12 }),
    name: text,
    version: fc.bigInt({ min: 0n, max: 2n ** 62n }),
  })
  .map(({ steps, name, version }) => {
    const model = createModel({ graphName: name });
    model.modelVersion = version;
    model.metadata.set(name, name);
    const values = [model.graph.addInput('x', 'float32', ['batch', 4])];
    const tape = new Tape(model, { scope: name });
    for (const one of steps) values.push(record(tape, one, values));
    for (const output of new Set(values.slice(-2))) model.graph.addOutput(output);
    return model;
  });

function record(tape: Tape, { kind, a, b, attributes, text: name }: Step, values: readonly Value[]): Value {
  const [first, second] = [pick(values, a), pick(values, b)];
  switch (kind) {
    case 'unary':
      return tape.op('Odd', [first], { domain: 'com.microsoft', attributes, name });
    case 'binary':
      return tape.op('Even', [first, second], { attributes, dtype: 'float32', shape: ['batch', 2 * b] });
    case 'optional':
      return tape.op('Gap', [undefined, first, undefined], { metadata: { [name]: name } });
    case 'many':
      return pick(tape.ops('Many', [second], { outputs: 3 }), a);
    case 'constant':
      return tape.constant(tensorOf('float32', [2], [a, b]), name);
    case 'external':
      return addExternal(tape.model, a, b);
    case 'branch':
      return tape.op('Branch', [first], { attributes: { body: bodyOf(tape.model, first, second) } });
  }
}

function addExternal({ graph }: Model, offset: number, rows: number): Value {
  const length = rows * 4;
  const place = { location: 'weights/model.safetensors', offset, length };
  return graph.addInitializer(graph.uniqueName('external'), {
    kind: 'external',
    ...place,
    dtype: 'float32',
    shape: [rows],
  });
}

function bodyOf({ graph }: Model, captured: Value, other: Value): Graph {
  const body = new Graph('body', graph);
  const weight = body.addInitializer(graph.uniqueName('inner'), inlineConstant(tensorOf('int64', [], [7])));
  const outputs = [{ name: graph.uniqueName('inner'), dtype: 'float32' as const, shape: [undefined, 'n'] }, undefined];
  const node = body.addNode({ opType: 'Inner', inputs: [captured, other, weight], outputs });
  for (const value of node.outputs) if (value) body.addOutput(value);
  return body;
}

export function pick<T>(items: readonly T[], index: number): T {
  const item = items[index % items.length];
  if (item === undefined) throw new RangeError('nothing to pick from');
  return item;
}
