import type { ConstraintSpec } from '../../constrain/index.ts';

/**
 * Any text in which a mark does not occur, also one that ends with a part of the mark.
 *
 * With c the first letter of the mark m₁…mₙ, Q one of its beginnings m₁…mᵢ (i < n), and R a beginning with a letter behind it that is
 * neither c nor mᵢ₊₁:
 *
 *   ([^c] | Q* R)* Q*
 *
 * A beginning is only followed by another one, by a letter that ends it, or by nothing, so no row of them writes the mark. WHY up to the
 * second c of a mark that has several: the formula needs one; such a mark counts from its first part on.
 */
export function textWithout(mark: string): ConstraintSpec {
  const [first = '', ...rest] = mark;
  const until = rest.indexOf(first);
  const letters = [first, ...(until < 0 ? rest : rest.slice(0, until))];
  const other = `[^${inClass(first)}]`;
  if (letters.length === 1) return { kind: 'regex', pattern: `${other}*` };
  const beginnings = letters.slice(1).map((_, count) => letters.slice(0, count + 1));
  const ended = beginnings.map((part) => `${literal(part)}[^${inClass(first)}${inClass(letters[part.length] ?? '')}]`);
  const begun = `(?:${beginnings.map(literal).join('|')})*`;
  return { kind: 'regex', pattern: `(?:${other}|${begun}(?:${ended.join('|')}))*${begun}` };
}

function literal(letters: readonly string[]): string {
  return letters.map((letter) => letter.replace(/[\\^$.*+?()[\]{}|/]/, String.raw`\$&`)).join('');
}

function inClass(letter: string): string {
  return letter.replace(/[[\]\\^-]/, String.raw`\$&`);
}
