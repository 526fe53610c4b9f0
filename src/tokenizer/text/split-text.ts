/** What happens to the parts of a text that a pattern matches. */
export type SplitBehavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';

export const splitBehaviors = [
  'Removed',
  'Isolated',
  'MergedWithPrevious',
  'MergedWithNext',
  'Contiguous',
] as const satisfies readonly SplitBehavior[];

/** A part of a text. The parts that a pattern matches and those between them follow one another without gaps. */
export interface Part {
  start: number;
  end: number;
  readonly isMatch: boolean;
}

/** The parts of a text by a pattern. A match of nothing directly after another match does not count. */
export function findParts(pattern: RegExp, text: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const { 0: matched, index } = match;
    if (matched === '') {
      pattern.lastIndex += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
      if (index === end && parts.length > 0) continue;
    }
    if (index > end) parts.push({ start: end, end: index, isMatch: false });
    end = index + matched.length;
    parts.push({ start: index, end, isMatch: true });
  }
  if (end < text.length) parts.push({ start: end, end: text.length, isMatch: false });
  return parts;
}

/**
 * Splits a text by a pattern.
 *
 * @param options.invert  exchanges what is matched and what lies between
 * @returns the parts that are kept, none of them empty
 */
export function splitText(
  text: string,
  pattern: RegExp,
  { behavior, invert }: { readonly behavior: SplitBehavior; readonly invert: boolean },
): Part[] {
  const parts = findParts(pattern, text);
  const given = invert ? parts.map((part) => ({ ...part, isMatch: !part.isMatch })) : parts;
  return joinParts(given, behavior).filter(({ start, end }) => end > start);
}

function joinParts(parts: Part[], behavior: SplitBehavior): Part[] {
  switch (behavior) {
    case 'Isolated':
      return parts;
    case 'Removed':
      return parts.filter(({ isMatch }) => !isMatch);
    case 'Contiguous':
      return joined(parts, (part, previous) => part.isMatch === previous);
    case 'MergedWithPrevious':
      return joined(parts, (part, previous) => part.isMatch && !previous);
    case 'MergedWithNext':
      return joinedBackwards(parts);
  }
}

/** Joins a part to the one before it where `joins` says so. `previous` says whether the part before it was a match. */
function joined(parts: Part[], joins: (part: Part, previous: boolean) => boolean): Part[] {
  const result: Part[] = [];
  let previous = false;
  for (const part of parts) {
    const last = result.at(-1);
    if (last !== undefined && joins(part, previous)) last.end = part.end;
    else result.push({ ...part });
    previous = part.isMatch;
  }
  return result;
}

function joinedBackwards(parts: Part[]): Part[] {
  const result: Part[] = [];
  let previous = false;
  for (const part of parts.toReversed()) {
    const last = result.at(-1);
    if (last !== undefined && part.isMatch && !previous) last.start = part.start;
    else result.push({ ...part });
    previous = part.isMatch;
  }
  return result.toReversed();
}
