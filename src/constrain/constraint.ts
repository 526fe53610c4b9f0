import { finishNow, type Steps } from '../core/index.ts';
import { Automaton, type State } from './automaton/automaton.ts';
import type { Expression } from './automaton/expression.ts';
import type { Expressions } from './automaton/expressions.ts';
import { ConstrainedLogits, type ConstrainedLogitsOptions } from './constrained-logits.ts';
import { findMask, type MaskSearch, withinOneToken } from './vocabulary/find-mask.ts';
import type { TokenIndex } from './vocabulary/token-index.ts';
import type { TokenMask } from './vocabulary/token-mask.ts';

/** A form as expressions. */
export interface Form {
  readonly root: Expression;
  readonly expressions: Expressions;
  /** The expression of one character of a JSON string. */
  readonly stringCharacter: Expression;
}

/** Most bytes of masks that a constraint keeps. */
const keptMasks = 16 * 2 ** 20;

/** A form for one vocabulary. Any number of answers may follow it at the same time. */
export class Constraint {
  readonly #search: MaskSearch;
  /** By state. Cleared as a whole where they have become too many. */
  readonly #masks = new Map<State, TokenMask>();
  #kept = 0;
  #age = 0;

  /** @throws EspalierError CONSTRAINT_INVALID if no text has the form */
  constructor({ root, expressions, stringCharacter }: Form, index: TokenIndex) {
    this.#search = { automaton: new Automaton(root, expressions), index, stringCharacter };
  }

  /**
   * A processor that lets one answer follow the form. Give each choice its own.
   * @throws EspalierError CONSTRAINT_UNWRITABLE if no token ends an answer
   */
  processor(options: ConstrainedLogitsOptions): ConstrainedLogits {
    return new ConstrainedLogits(this, options);
  }

  get start(): State {
    return this.#search.automaton.start;
  }

  /** One more than the largest token. */
  get vocabulary(): number {
    return this.#search.index.size;
  }

  get age(): number {
    return this.#search.automaton.age;
  }

  /** A state of an earlier age in this one. */
  adopt(state: State): State {
    return this.#search.automaton.adopt(state);
  }

  /** @returns undefined where the form does not allow the token */
  after(state: State, token: number): State | undefined {
    const { automaton, index } = this.#search;
    const special = automaton.expressions.specials.indexOf(token);
    if (special >= 0) return automaton.step(state, 256 + special);
    const bytes = index.bytesOf(token);
    return bytes.length === 0 ? undefined : automaton.walk(state, bytes);
  }

  /** Whether a text has the form. */
  accepts(text: string): boolean {
    const { automaton } = this.#search;
    return automaton.walk(automaton.start, new TextEncoder().encode(text))?.canEnd === true;
  }

  /** The tokens that are allowed in a state. */
  maskOf(state: State): TokenMask {
    return finishNow(this.findMask(state));
  }

  /** The same in slices. */
  *findMask(state: State): Steps<TokenMask> {
    const known = this.#masks.get(state);
    if (known !== undefined) return known;
    const near = withinOneToken(this.#search, state);
    const mask = this.#masks.get(near) ?? (yield* findMask(this.#search, near));
    this.#keep(near, mask);
    if (near !== state) this.#masks.set(state, mask);
    return mask;
  }

  /** Forgets what was kept where that has become too much. States that are in use have to be adopted. */
  tidy(): void {
    this.#search.automaton.tidy();
    if (this.#age === this.age && this.#kept < keptMasks) return;
    this.#age = this.age;
    this.#kept = 0;
    this.#masks.clear();
  }

  #keep(state: State, mask: TokenMask): void {
    if (this.#masks.has(state)) return;
    this.#masks.set(state, mask);
    this.#kept += 64 + (mask.kind === 'bits' ? mask.words.byteLength : mask.tokens.byteLength);
  }
}
