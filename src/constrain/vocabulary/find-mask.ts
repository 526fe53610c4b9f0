import { EspalierError, type Steps } from '../../core/index.ts';
import type { Automaton, State } from '../automaton/automaton.ts';
import type { Expression } from '../automaton/expression.ts';
import { limits } from '../limits.ts';
import type { TokenIndex } from './token-index.ts';
import { TokenBits, type TokenMask } from './token-mask.ts';
import type { TokenTrie } from './token-trie.ts';

/** What a search for the allowed tokens works with. */
export interface MaskSearch {
  readonly automaton: Automaton;
  readonly index: TokenIndex;
  /** The expression of one character of a JSON string. */
  readonly stringCharacter: Expression;
}

/**
 * Finds the tokens with which a text can go on from a state.
 * @throws EspalierError CONSTRAINT_TOO_LARGE where that takes too much work
 */
export function* findMask(search: MaskSearch, state: State): Steps<TokenMask> {
  const { automaton, index } = search;
  const bits = new TokenBits(index.size);
  automaton.takeSteps();
  const room = roomForPlain(search, state);
  if (room === 0) yield* addFrom(index.plain, search, state, bits);
  else addPlain(index, room, bits);
  yield* addFrom(index.other, search, state, bits);
  for (const [number, token] of automaton.expressions.specials.entries()) {
    if (token < index.size && automaton.step(state, 256 + number) !== undefined) bits.add(token);
  }
  return bits.toMask();
}

/**
 * The same state for the purpose of one token: counts that it cannot reach are taken as without limit, so that the thousand places in a long
 * string have one mask.
 */
export function withinOneToken({ automaton, index }: MaskSearch, state: State): State {
  const { longest } = index;
  return automaton.map(state, (expression) => {
    if (expression.kind !== 'repeat') return expression;
    const { part, least, most } = expression;
    if (least <= longest + 1 && (most <= longest || most === Infinity)) return expression;
    const capped = most > longest ? Infinity : most;
    return automaton.expressions.repeat(part, Math.min(least, longest + 1), capped);
  });
}

/** How many characters a JSON string still has room for, if the state is inside one; otherwise 0. */
function roomForPlain({ stringCharacter }: MaskSearch, { stacks }: State): number {
  let room = 0;
  for (const { top } of stacks) {
    if (top?.kind === 'repeat' && top.part === stringCharacter) room = Math.max(room, top.most);
  }
  return room;
}

/** Inside a string all tokens are allowed that are plain characters, as far as there is room for them. */
function addPlain({ plainByLength, plainUpTo }: TokenIndex, room: number, bits: TokenBits): void {
  const count = plainUpTo[Math.min(room, plainUpTo.length - 1)] ?? 0;
  for (let at = 0; at < count; at++) bits.add(plainByLength[at] ?? 0);
}

/** How many nodes are walked between two looks at the clock. */
const slice = 4096;

function* addFrom(trie: TokenTrie, { automaton }: MaskSearch, state: State, bits: TokenBits): Steps<void> {
  const { byte, depth, after, firstToken, tokens } = trie;
  const { classOf } = automaton;
  const states: State[] = [state];
  let steps = 0;
  let pause = slice;
  for (let node = 0; node < byte.length; pause--) {
    const level = depth[node] ?? 0;
    const from = states[level] ?? state;
    const number = classOf[byte[node] ?? 0] ?? 0;
    let next = from.next[number];
    if (next === undefined) {
      next = automaton.stepClass(from, number);
      steps += automaton.takeSteps();
      if (steps > limits.steps) throw tooMuchWork();
    }
    if (pause === 0) {
      pause = slice;
      yield;
    }
    if (next === null) {
      node = after[node] ?? byte.length;
      continue;
    }
    states[level + 1] = next;
    const end = firstToken[node + 1] ?? 0;
    for (let at = firstToken[node] ?? 0; at < end; at++) bits.add(tokens[at] ?? 0);
    node++;
  }
}

function tooMuchWork(): EspalierError {
  return new EspalierError('CONSTRAINT_TOO_LARGE', { what: 'the steps that one token takes', limit: limits.steps });
}
