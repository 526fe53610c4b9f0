import { EspalierError } from '../../core/index.ts';
import { limits } from '../limits.ts';
import type { Expression, Move } from './expression.ts';
import type { Expressions } from './expressions.ts';
import { movesOf } from './moves.ts';
import { type Stack, Stacks } from './stack.ts';
import { classify } from './symbol-set.ts';

/** Where a text can be in a form: all stacks that are possible after it. Equal states are one object. */
export interface State {
  /** At least one. */
  readonly stacks: readonly Stack[];
  /** Whether the text may end here. */
  readonly canEnd: boolean;
  /** By class of symbols: null where no text of the form goes on so, undefined where that is not known yet. */
  readonly next: (State | null | undefined)[];
  /** What can come next, with the stack below it. */
  moves: readonly PlacedMove[] | undefined;
}

interface PlacedMove extends Move {
  readonly below: Stack;
}

/**
 * A form as a deterministic automaton over bytes whose states are made when they are needed. Rules that contain themselves make it a
 * pushdown automaton: its states are sets of stacks, no deeper than `limits.depth`. Every state leads to a state that can end.
 */
export class Automaton {
  readonly expressions: Expressions;
  readonly classOf: Uint16Array;
  readonly classes: number;
  /** Counts the times at which what was kept was forgotten. States of an earlier age go on by `adopt`. */
  age = 0;
  readonly #root: Expression;
  readonly #compiled: number;
  #stacks = new Stacks();
  #states = new Map<string, State>();
  #start: State | undefined;
  #steps = 0;

  /** @param root  the form; the heights of all expressions are settled */
  constructor(root: Expression, expressions: Expressions) {
    this.expressions = expressions;
    this.#root = root;
    this.classOf = classify(expressions.sets, 256 + expressions.specials.length);
    this.classes = this.classOf.reduce((most, number) => Math.max(most, number + 1), 0);
    this.#compiled = expressions.all.length;
  }

  /** @throws EspalierError CONSTRAINT_INVALID if no text has the form */
  get start(): State {
    if (this.#start !== undefined) return this.#start;
    const stack = this.#stacks.push(this.#root, this.#stacks.bottom);
    if (stack === undefined) {
      const problem = 'no answer that its tokens can write follows it, or only one that is nested without end,';
      throw new EspalierError('CONSTRAINT_INVALID', { problem, place: 'its root' });
    }
    return (this.#start = this.stateOf([stack]));
  }

  /** How many stacks and states are kept. */
  get size(): number {
    return this.#stacks.count + this.#states.size;
  }

  /** Steps of work that were done since the last call. */
  takeSteps(): number {
    const steps = this.#steps;
    this.#steps = 0;
    return steps;
  }

  /** @returns undefined where no text of the form goes on with the symbol */
  step(state: State, symbol: number): State | undefined {
    const number = this.classOf[symbol];
    return number === undefined ? undefined : (this.stepClass(state, number) ?? undefined);
  }

  /** @param number  class of the symbol */
  stepClass(state: State, number: number): State | null {
    return state.next[number] === undefined ? this.#find(state, number) : state.next[number];
  }

  /** @returns the state after bytes; undefined where no text of the form has them */
  walk(state: State, bytes: Uint8Array): State | undefined {
    let at: State | undefined = state;
    for (let index = 0; index < bytes.length && at !== undefined; index++) at = this.step(at, bytes[index] ?? 0);
    return at;
  }

  /** The state of a set of stacks. */
  stateOf(stacks: readonly Stack[]): State {
    const sorted = stacks.length === 1 ? stacks : [...new Set(stacks)].toSorted((a, b) => a.id - b.id);
    const key = sorted.length === 1 ? String(sorted[0]?.id) : sorted.map(({ id }) => id).join();
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const canEnd = sorted.some((stack) => stack.canEnd);
    const state: State = { stacks: sorted, canEnd, next: Array.from({ length: this.classes }), moves: undefined };
    this.#states.set(key, state);
    return state;
  }

  /** Replaces expressions in the stacks of a state. */
  map(state: State, change: (expression: Expression) => Expression): State {
    const done = new Map<Stack, Stack>([[this.#stacks.bottom, this.#stacks.bottom]]);
    const rebuilt = (stack: Stack): Stack => {
      const known = done.get(stack);
      if (known !== undefined) return known;
      const { top, rest } = stack;
      const below = rest === undefined ? this.#stacks.bottom : rebuilt(rest);
      const made = top === undefined ? below : (this.#stacks.push(change(top), below) ?? below);
      done.set(stack, made);
      return made;
    };
    return this.stateOf(state.stacks.map(rebuilt));
  }

  /** Forgets all states if there are too many. */
  tidy(): void {
    if (this.size + this.expressions.all.length - this.#compiled < limits.kept) return;
    this.age++;
    this.#stacks = new Stacks();
    this.#states = new Map();
    this.#start = undefined;
    this.expressions.forget(this.#compiled);
    for (const expression of this.expressions.all) delete expression.moves;
  }

  /** A state of an earlier age in this one. */
  adopt(state: State): State {
    return this.map(state, (expression) => this.expressions.again(expression));
  }

  #find(state: State, number: number): State | null {
    const stacks = new Set<Stack>();
    for (const { set, following, below } of (state.moves ??= this.#movesOf(state))) {
      if (set.classes[number] !== 1) continue;
      this.#steps++;
      const stack = this.#stacks.pushAll(following, below);
      if (stack !== undefined) stacks.add(stack);
    }
    if (stacks.size > limits.stacks) {
      throw new EspalierError('CONSTRAINT_TOO_LARGE', {
        what: 'the places that a text can be at',
        limit: limits.stacks,
      });
    }
    const next = stacks.size === 0 ? null : this.stateOf([...stacks]);
    state.next[number] = next;
    return next;
  }

  #movesOf(state: State): PlacedMove[] {
    const moves: PlacedMove[] = [];
    const seen = new Set<Stack>();
    for (const stack of state.stacks) {
      for (let below: Stack | undefined = stack; below?.top !== undefined && !seen.has(below); below = below.rest) {
        seen.add(below);
        const { top, rest } = below;
        if (rest === undefined) break;
        for (const move of movesOf(top, this.expressions)) moves.push({ ...move, below: rest });
        if (!top.canBeEmpty) break;
      }
    }
    this.#steps += moves.length;
    return moves;
  }
}
