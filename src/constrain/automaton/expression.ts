import type { SymbolSet } from './symbol-set.ts';

interface Common {
  readonly id: number;
  /** Whether it matches the empty text. */
  readonly canBeEmpty: boolean;
  /** How many levels of rules its shallowest match takes; Infinity where it has no match. */
  height: number;
  /** What can come first, once it was asked for. */
  moves?: readonly Move[];
}

/** One symbol of a set. */
interface One extends Common {
  readonly kind: 'one';
  readonly set: SymbolSet;
}

/** The bytes of a text from one on. */
interface Text extends Common {
  readonly kind: 'text';
  /** Number of the whole text. */
  readonly whole: number;
  readonly bytes: Uint8Array;
  readonly from: number;
}

interface Pair extends Common {
  readonly kind: 'pair';
  readonly first: Expression;
  readonly second: Expression;
}

interface Choice extends Common {
  readonly kind: 'choice';
  readonly options: readonly Expression[];
}

export interface Repeat extends Common {
  readonly kind: 'repeat';
  readonly part: Expression;
  readonly least: number;
  readonly most: number;
}

/** What may contain itself. Its body is set later, and never matches the empty text. */
export interface Rule extends Common {
  readonly kind: 'rule';
  readonly name: string;
  body: Expression | undefined;
}

/** The end of a rule in a stack; matches only the empty text. */
interface End extends Common {
  readonly kind: 'end';
}

/** The empty text. */
interface Nothing extends Common {
  readonly kind: 'nothing';
}

/** What a text must match. Equal expressions are one object. */
export type Expression = One | Text | Pair | Choice | Repeat | Rule | End | Nothing;

/** A symbol that may come first, and what must follow it. */
export interface Move {
  readonly set: SymbolSet;
  readonly following: readonly Expression[];
}
