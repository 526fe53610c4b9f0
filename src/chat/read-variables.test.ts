import { describe, expect, it } from 'vitest';
import { FieldProblem } from './field-problem.ts';
import { readVariables } from './read-variables.ts';

describe('readVariables', () => {
  it.each([
    [undefined, undefined, undefined],
    [null, null, undefined],
    [{ a: [1] }, undefined, { a: [1] }],
    [undefined, false, { enable_thinking: false }],
    [{ a: 1, enable_thinking: true }, true, { a: 1, enable_thinking: true }],
  ])('joins %j and %j', (given, thinking, expected) => {
    expect(readVariables(given, thinking)).toEqual(expected);
  });

  it.each([
    [[1], undefined, 'chat_template_kwargs'],
    [{ messages: [] }, undefined, 'chat_template_kwargs.messages'],
    [{ tools: [] }, undefined, 'chat_template_kwargs.tools'],
    [{ enable_thinking: true }, false, 'enable_thinking'],
    [undefined, 'no', 'enable_thinking'],
  ])('refuses %j and %j', (given, thinking, place) => {
    const problem = readVariables(given, thinking);
    expect(problem instanceof FieldProblem && problem.path.join('.')).toBe(place);
  });
});
