import { EspalierError } from '../../core/index.ts';
import type { Expression, Move, Rule } from './expression.ts';
import type { Expressions } from './expressions.ts';

/**
 * What can come first in an expression, and what must follow each: its linear form. Found once for each expression.
 *
 *   moves(first second) = moves(first)·second, and moves(second) if `first` may be empty
 *   moves(part{m,n})    = moves(part)·part{m-1,n-1}
 *   moves(rule)         = moves(body)·end
 *
 * @throws EspalierError CONSTRAINT_INVALID for a rule that begins with itself
 * @see Antimirov 1996, partial derivatives of regular expressions
 */
export function movesOf(expression: Expression, expressions: Expressions): readonly Move[] {
  if (expression.moves !== undefined) return expression.moves;
  if (expression.kind === 'rule' && inProgress.has(expression)) throw beginsWithItself(expression);
  if (expression.kind === 'rule') inProgress.add(expression);
  try {
    return (expression.moves = findMoves(expression, expressions));
  } finally {
    if (expression.kind === 'rule') inProgress.delete(expression);
  }
}

/** The rules whose moves are being found. */
const inProgress = new WeakSet<Rule>();

function findMoves(expression: Expression, expressions: Expressions): readonly Move[] {
  switch (expression.kind) {
    case 'nothing':
    case 'end':
      return [];
    case 'one':
      return [{ set: expression.set, following: [] }];
    case 'text': {
      const { bytes, from } = expression;
      const rest = expressions.restOf(expression);
      return [{ set: expressions.oneByte(bytes[from] ?? 0), following: rest === undefined ? [] : [rest] }];
    }
    case 'pair': {
      const { first, second } = expression;
      const moves = followed(movesOf(first, expressions), second);
      return first.canBeEmpty ? [...moves, ...movesOf(second, expressions)] : moves;
    }
    case 'choice':
      return expression.options.flatMap((option) => movesOf(option, expressions));
    case 'repeat': {
      const { part, least, most } = expression;
      const left = expressions.repeat(part, Math.max(0, least - 1), most - 1);
      return followed(movesOf(part, expressions), left);
    }
    case 'rule':
      return followed(movesOf(expression.body ?? expressions.never, expressions), expressions.end);
  }
}

function followed(moves: readonly Move[], by: Expression): Move[] {
  return by.kind === 'nothing'
    ? [...moves]
    : moves.map(({ set, following }) => ({ set, following: [...following, by] }));
}

function beginsWithItself({ name }: Rule): EspalierError {
  return new EspalierError('CONSTRAINT_INVALID', { problem: 'a value consists of itself', place: name });
}
