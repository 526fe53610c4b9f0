import { describe, expect, it } from 'vitest';
import { tensorOf } from '../tensor/index.ts';
import { createModel } from './model.ts';
import { sameValue } from './same-value.ts';
import { Tape } from './tape.ts';
import type { Value } from './graph.ts';

const model = createModel();
const tape = new Tape(model);
const x = model.graph.addInput('x', 'float32', ['tokens', 4]);
const other = model.graph.addInput('other', 'float32', ['tokens', 4]);
const named = (value: number): Value => tape.constant(tensorOf('float32', [], [value]), 'own');
const largest = (from: Value, keepdims = 1): Value =>
  tape.op('ReduceMax', [tape.op('Abs', [from]), tape.int64s([-1])], { attributes: { keepdims } });

describe('sameValue', () => {
  it.each<[string, Value, Value, boolean]>([
    ['a value and itself', x, x, true],
    ['two inputs', x, other, false],
    ['equal nodes recorded twice', largest(x), largest(x), true],
    ['equal nodes of different inputs', largest(x), largest(other), false],
    ['nodes with different attributes', largest(x), largest(x, 0), false],
    ['different operators', tape.op('Abs', [x]), tape.op('Neg', [x]), false],
    ['equal constants of different names', named(2), named(2), true],
    ['different constants', named(2), named(3), false],
    ['a constant and a computed value', named(2), largest(x), false],
    ['results of equal nodes over equal constants', tape.op('Div', [x, named(2)]), tape.op('Div', [x, named(2)]), true],
    ['results of equal nodes over others', tape.op('Div', [x, named(2)]), tape.op('Div', [x, named(4)]), false],
  ])('says of %s what is so', (_, one, two, expected) => {
    expect(sameValue(one, two)).toBe(expected);
    expect(sameValue(two, one)).toBe(expected);
  });

  it('tells the outputs of one node apart', () => {
    const [first, second] = tape.ops('Split', [x], { attributes: { axis: -1, num_outputs: 2 }, outputs: 2 });
    expect(sameValue(first, second)).toBe(false);
  });

  it('does not search without end', () => {
    const chain = (): Value => Array.from({ length: 30 }).reduce<Value>((from) => tape.op('Abs', [from]), x);
    expect(sameValue(chain(), chain())).toBe(false);
  });
});
