import { describe, expect, it } from 'vitest';
import { createModel, ints, Tape, type Value } from '../../ir/index.ts';
import { tensorOf, typedArray } from '../../tensor/index.ts';
import { foldIntegers } from './fold-integers.ts';
import type { NodeCall } from './upgrade/upgrade.ts';

const tape = new Tape(createModel());
const matrix = (...rows: readonly number[][]): Value =>
  tape.constant(tensorOf('int64', [rows.length, rows[0]?.length ?? 0], rows.flat()));

function fold(opType: string, inputs: readonly Value[], attributes: NodeCall['attributes'] = new Map()): unknown {
  const folded = foldIntegers({ opType, domain: '', inputs, attributes, outputs: [] });
  return folded && [[...folded.shape], Array.from(typedArray(folded), Number)];
}

describe('foldIntegers', () => {
  const widths = matrix([1, 2], [3, 4], [5, 6]);
  const far = -(2 ** 63);

  it('follows what torch.onnx makes of the widths of a Pad', () => {
    expect(fold('Reshape', [tape.int64s([1, 2, 3, 4, 5, 6]), tape.int64s([-1, 2])])).toEqual([
      [3, 2],
      [1, 2, 3, 4, 5, 6],
    ]);
    const reverse = [[-1], [far], [0], [-1]].map((list) => tape.int64s(list));
    expect(fold('Slice', [widths, ...reverse])).toEqual([
      [3, 2],
      [5, 6, 3, 4, 1, 2],
    ]);
    expect(fold('Transpose', [widths], new Map([['perm', ints([1, 0])]]))).toEqual([
      [2, 3],
      [1, 3, 5, 2, 4, 6],
    ]);
    expect(fold('Reshape', [widths, tape.int64s([-1])])).toEqual([[6], [1, 2, 3, 4, 5, 6]]);
  });

  it('leaves alone lists, other operators, other axes and what is not known', () => {
    const list = tape.int64s([1, 2]);
    const unknown = tape.model.graph.addInput('n', 'int64', [2]);
    expect(fold('Reshape', [list, tape.int64s([2])])).toBeUndefined();
    expect(fold('Neg', [widths])).toBeUndefined();
    expect(fold('Slice', [widths, ...[[0], [1], [1]].map((each) => tape.int64s(each))])).toBeUndefined();
    expect(fold('Reshape', [unknown, tape.int64s([1, 2])])).toBeUndefined();
    expect(fold('Reshape', [widths, unknown])).toBeUndefined();
    expect(fold('Reshape', [widths, tape.int64s([4, 2])])).toBeUndefined();
  });
});
