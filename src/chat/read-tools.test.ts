import { describe, expect, it } from 'vitest';
import { FieldProblem } from './field-problem.ts';
import { readFunctions, readTools } from './read-tools.ts';

const described = { name: 'f', parameters: { type: 'object' } };
const tool = { type: 'function', function: described };

describe('readTools', () => {
  it.each([
    [[tool], [tool]],
    [[described], [described]],
    [JSON.stringify([tool]), [tool]],
    [[], undefined],
    ['[]', undefined],
    ['', undefined],
    [null, undefined],
    [undefined, undefined],
  ])('reads %j as it is written', (value, tools) => {
    expect(readTools(value)).toEqual(tools);
  });

  it('gives each of the older functions the form of a tool', () => {
    expect(readFunctions([described])).toEqual([tool]);
  });

  it.each([['x'], [5], [['x']], [[{}]], [[{ function: {} }]], [{ f: 1 }]])('refuses %j', (value) => {
    expect(readTools(value)).toBeInstanceOf(FieldProblem);
  });
});
