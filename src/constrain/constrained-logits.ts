import type { State } from './automaton/automaton.ts';
import { applyMask, type TokenMask } from './vocabulary/token-mask.ts';
import { EspalierError } from '../core/index.ts';

export interface ConstrainedLogitsOptions {
  /** Tokens that end the answer. They are allowed where the form is complete, and nowhere else. */
  readonly ends: Iterable<number>;
}

/** The part of a constraint that an answer needs. */
export interface FollowedConstraint {
  readonly start: State;
  readonly vocabulary: number;
  readonly age: number;
  adopt(state: State): State;
  after(state: State, token: number): State | undefined;
  maskOf(state: State): TokenMask;
  tidy(): void;
}

/** Lets one answer follow a form: sets the logits of all other tokens to −∞. It is a `LogitsProcessor` of the engine. */
export class ConstrainedLogits {
  readonly #constraint: FollowedConstraint;
  readonly #ends: Int32Array;
  #state: State;
  #age: number;
  #isEnded = false;

  constructor(constraint: FollowedConstraint, { ends }: ConstrainedLogitsOptions) {
    this.#constraint = constraint;
    this.#ends = Int32Array.from(ends);
    if (this.#ends.length === 0) {
      throw new EspalierError('CONSTRAINT_UNWRITABLE', { problem: 'no token ends an answer' });
    }
    this.#state = constraint.start;
    this.#age = constraint.age;
  }

  /**
   * @param logits  f32 [vocabulary], changed in place
   * @throws EspalierError CONSTRAINT_UNWRITABLE, CONSTRAINT_TOO_LARGE
   */
  process(logits: Float32Array): void {
    const state = this.#current();
    const mask = this.#constraint.maskOf(state);
    const ends = Float32Array.from(this.#ends, (token) => logits[token] ?? -Infinity);
    applyMask(mask, logits, this.#constraint.vocabulary);
    for (let at = 0; at < ends.length; at++) {
      const token = this.#ends[at] ?? 0;
      if (token < logits.length) logits[token] = state.canEnd ? (ends[at] ?? 0) : -Infinity;
    }
    if (mask.count === 0 && !state.canEnd) {
      throw new EspalierError('CONSTRAINT_UNWRITABLE', { problem: 'no token goes on from here' });
    }
  }

  note(token: number): void {
    if (this.#isEnded) return;
    if (this.#ends.includes(token)) this.#isEnded = true;
    else this.#state = this.#constraint.after(this.#current(), token) ?? this.#unexpected(token);
  }

  /** The state in the present age of the automaton. */
  #current(): State {
    this.#constraint.tidy();
    if (this.#age !== this.#constraint.age) {
      this.#state = this.#constraint.adopt(this.#state);
      this.#age = this.#constraint.age;
    }
    return this.#state;
  }

  #unexpected(token: number): never {
    throw new RangeError(`Token ${token} was drawn although the form does not allow it`);
  }
}
