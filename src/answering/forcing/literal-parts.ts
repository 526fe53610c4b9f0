import type { ConstraintSpec } from '../../constrain/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';

export type Parts = readonly (ConstraintSpec | string)[];

/** The tokenizer, as far as marks are written with it. */
export type MarkTokenizer = Pick<Tokenizer, 'encode' | 'vocabulary'>;

const utf8 = new TextDecoder();

/** A literal as a form: its special tokens, which have no text for a form, and the texts between them. */
export function literalParts(literal: string, tokenizer: MarkTokenizer): Parts {
  const { vocabulary } = tokenizer;
  const parts: (ConstraintSpec | string)[] = [];
  let rest = literal;
  for (const id of literal === '' ? [] : tokenizer.encode(literal)) {
    if (!vocabulary.isSpecial(id)) continue;
    const mark = utf8.decode(vocabulary.bytesOf(id));
    const at = rest.indexOf(mark);
    // A token that the tokenizer puts before texts is no part of the literal.
    if (at < 0) continue;
    parts.push(rest.slice(0, at), { kind: 'token', id });
    rest = rest.slice(at + mark.length);
  }
  return [...parts, rest].filter((part) => part !== '');
}
