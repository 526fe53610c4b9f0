import { limits } from '../limits.ts';
import type { Expression } from './expression.ts';

/** What must still come, one expression after the other. Equal stacks are one object. */
export interface Stack {
  readonly id: number;
  /** Absent at the bottom. */
  readonly top?: Expression;
  readonly rest?: Stack;
  /** How many rules it is inside of. */
  readonly level: number;
  /** Whether nothing need come any more. */
  readonly canEnd: boolean;
}

/** Makes stacks. */
export class Stacks {
  readonly bottom: Stack = { id: 0, level: 0, canEnd: true };
  readonly #above = new Map<number, Map<number, Stack>>();
  #count = 1;

  get count(): number {
    return this.#count;
  }

  /** @returns undefined where the depth that is allowed has no room for the expression */
  push(expression: Expression, rest: Stack): Stack | undefined {
    if (expression.kind === 'nothing') return rest;
    if (expression.kind === 'pair') {
      const second = this.push(expression.second, rest);
      return second && this.push(expression.first, second);
    }
    if (rest.level + expression.height > limits.depth) return undefined;
    let above = this.#above.get(rest.id);
    if (above === undefined) this.#above.set(rest.id, (above = new Map<number, Stack>()));
    const known = above.get(expression.id);
    if (known !== undefined) return known;
    const level = rest.level + (expression.kind === 'end' ? 1 : 0);
    const canEnd = expression.canBeEmpty && rest.canEnd;
    const stack = { id: this.#count++, top: expression, rest, level, canEnd };
    above.set(expression.id, stack);
    return stack;
  }

  /** Pushes the last expression first. */
  pushAll(expressions: readonly Expression[], rest: Stack): Stack | undefined {
    let stack: Stack | undefined = rest;
    for (let at = expressions.length - 1; at >= 0 && stack !== undefined; at--) {
      const expression = expressions[at];
      if (expression !== undefined) stack = this.push(expression, stack);
    }
    return stack;
  }
}
