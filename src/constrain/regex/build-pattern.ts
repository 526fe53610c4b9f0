import { EspalierError, type Steps } from '../../core/index.ts';
import type { Expression } from '../automaton/expression.ts';
import type { Expressions } from '../automaton/expressions.ts';
import type { CharacterSet } from '../characters/character-set.ts';
import { parsePattern } from './parse-pattern.ts';
import type { PatternNode } from './pattern-node.ts';
import { readProperties } from './unicode-property.ts';

export interface PatternOptions {
  readonly expressions: Expressions;
  /** Writes one character of a set, such as with the escapes of JSON. */
  readonly oneOf: (set: CharacterSet) => Expression;
  /** Any text, where the pattern may match a part of a text only; absent where it matches all of it. */
  readonly around?: Expression;
  /** What errors call the place of the pattern. */
  readonly place: string;
}

/**
 * Makes the expression of a regular expression.
 * @throws EspalierError CONSTRAINT_INVALID, CONSTRAINT_UNSUPPORTED, CONSTRAINT_TOO_LARGE
 */
export function* buildPattern(pattern: string, options: PatternOptions): Steps<Expression> {
  const { place } = options;
  const properties = yield* readProperties(pattern, place);
  const node = parsePattern(pattern, { place, properties });
  yield;
  return buildEdges(node, { start: false, end: false }, options);
}

/** Whether an edge of the text was already named around a part. */
interface Edges {
  readonly start: boolean;
  readonly end: boolean;
}

/** Edges may stand at the beginnings and ends of the alternatives of a pattern; what has none there may be inside of a text. */
function buildEdges(node: PatternNode, outer: Edges, options: PatternOptions): Expression {
  const { expressions, around = expressions.nothing } = options;
  const parts = node.kind === 'sequence' ? [...node.parts] : [node];
  const edges = { ...outer };
  while (isEdge(parts[0], 'start')) edges.start = parts.shift() !== undefined;
  while (isEdge(parts.at(-1), 'end')) edges.end = parts.pop() !== undefined;
  const [only] = parts;
  if (parts.length === 1 && only?.kind === 'choice') {
    return expressions.choice(...only.options.map((option) => buildEdges(option, edges, options)));
  }
  const built = parts.map((part) => build(part, options));
  return expressions.sequence(
    edges.start ? expressions.nothing : around,
    ...built,
    edges.end ? expressions.nothing : around,
  );
}

function isEdge(node: PatternNode | undefined, edge: 'start' | 'end'): boolean {
  return node?.kind === 'edge' && node.edge === edge;
}

function build(node: PatternNode, options: PatternOptions): Expression {
  const { expressions, oneOf, place } = options;
  switch (node.kind) {
    case 'set':
      return oneOf(node.set);
    case 'sequence':
      return expressions.sequence(...node.parts.map((part) => build(part, options)));
    case 'choice':
      return expressions.choice(...node.options.map((option) => build(option, options)));
    case 'repeat':
      return expressions.repeat(build(node.part, options), node.least, node.most);
    case 'edge':
      throw new EspalierError('CONSTRAINT_UNSUPPORTED', { problem: 'a ^ or $ in the middle of a pattern', place });
  }
}
