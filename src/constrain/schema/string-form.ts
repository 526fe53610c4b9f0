import type { Steps } from '../../core/index.ts';
import type { Expression } from '../automaton/expression.ts';
import type { Expressions } from '../automaton/expressions.ts';
import type { JsonText } from '../characters/json-text.ts';
import { buildPattern } from '../regex/build-pattern.ts';
import { formats } from './formats.ts';
import { below, countOf, type PlacedSchema, textOf, unsupported } from './schema-object.ts';

export interface StringParts {
  readonly expressions: Expressions;
  readonly text: JsonText;
  readonly isLoose: boolean;
}

/**
 * Strings of a length, a pattern or a format.
 * @throws EspalierError CONSTRAINT_INVALID, CONSTRAINT_UNSUPPORTED
 */
export function* stringForm(placed: PlacedSchema, { expressions, text, isLoose }: StringParts): Steps<Expression> {
  const { place } = placed;
  const [least, most] = [countOf(placed, 'minLength') ?? 0, countOf(placed, 'maxLength') ?? Infinity];
  const pattern = textOf(placed, 'pattern');
  const format = textOf(placed, 'format');
  if (pattern === undefined && format === undefined) return least > most ? expressions.never : text.string(least, most);
  if (least > 0 || most < Infinity) {
    const keyword = least > 0 ? 'minLength' : 'maxLength';
    throw unsupported(
      `${keyword} together with ${pattern === undefined ? 'format' : 'pattern'}`,
      below(place, keyword),
    );
  }
  if (pattern !== undefined && format !== undefined)
    throw unsupported('format together with pattern', below(place, 'format'));
  const options = { expressions, oneOf: text.oneOf.bind(text) };
  if (pattern !== undefined) {
    const around = expressions.repeat(text.character, 0, Infinity);
    return text.quoted(yield* buildPattern(pattern, { ...options, around, place: below(place, 'pattern') }));
  }
  const known = format === undefined ? undefined : formats[format];
  if (known !== undefined)
    return text.quoted(yield* buildPattern(known, { ...options, place: below(place, 'format') }));
  if (isLoose) return text.string();
  throw unsupported(`the format ${JSON.stringify(format)}`, below(place, 'format'));
}
