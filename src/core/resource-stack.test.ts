import { expect, it } from 'vitest';
import { ResourceStack } from './resource-stack.ts';

it('gives back what it owns, the last first, and once', () => {
  const given: string[] = [];
  const resource = (name: string): Disposable => ({ [Symbol.dispose]: () => void given.push(name) });
  const stack = new ResourceStack();
  const first = resource('first');
  expect(stack.use(first)).toBe(first);
  stack.use(resource('second'));
  stack.dispose();
  stack[Symbol.dispose]();
  expect(given).toEqual(['second', 'first']);
});
