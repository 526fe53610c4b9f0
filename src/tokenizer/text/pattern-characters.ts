/** A character outside a class. */
export function folding(character: string, isFolded: boolean): string {
  const all = isFolded ? casesOf(character) : [character];
  return all.length === 1 ? literal(character) : `[${all.map(literal).join('')}]`;
}

/** A range of characters inside a class. */
export function foldedSet(from: string, to: string, isFolded: boolean): string {
  const [first = 0, last = 0] = [from.codePointAt(0), to.codePointAt(0)];
  if (last < first) throw new RangeError(`its range ${from}-${to} is backwards`);
  const range = first === last ? literal(from) : `${literal(from)}-${literal(to)}`;
  if (!isFolded || last - first > widest) return range;
  const cases = new Set<string>();
  for (let code = first; code <= last; code++) for (const each of casesOf(String.fromCodePoint(code))) cases.add(each);
  return range + [...cases].map(literal).join('');
}

/** Wider ranges of scripts hold both cases of their letters. */
const widest = 1024;

/** A character in all cases, by simple folding. */
function casesOf(character: string): string[] {
  const any = new RegExp(literal(character), 'iv');
  const known = [character, character.toLowerCase(), character.toUpperCase(), '\u017f', '\u212a'];
  return [...new Set(known)].filter((each) => [...each].length === 1 && any.test(each));
}

/** A character written so that it stands for itself, inside a class and outside. */
export function literal(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return /^[A-Za-z0-9]$/.test(character) ? character : `\\u{${code.toString(16)}}`;
}
