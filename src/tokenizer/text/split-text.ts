import type { Range } from '../range.ts';
import { BoundedPattern } from './bounded-pattern.ts';

/** A pattern of our own, which is fast for every text, or one of a file. */
export type TextPattern = RegExp | BoundedPattern;

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

/** The parts of a text by a pattern, as they are asked for. A match of nothing directly after another match does not count. */
export function* findParts(pattern: TextPattern, text: string): Generator<Part> {
  if (pattern instanceof BoundedPattern) {
    if (text.length > pattern.freeLength) yield* partsBetween(pattern.matches(text), text.length);
    else yield* findParts(pattern.expression, text);
    return;
  }
  let end = 0;
  let hasMatched = false;
  for (let from = 0; ;) {
    // WHY each time: the pattern may search another text between two parts.
    pattern.lastIndex = from;
    const match = pattern.exec(text);
    if (match === null) break;
    const { 0: matched, index } = match;
    from = pattern.lastIndex;
    if (matched === '') {
      from += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
      if (index === end && hasMatched) continue;
    }
    if (index > end) yield { start: end, end: index, isMatch: false };
    end = index + matched.length;
    hasMatched = true;
    yield { start: index, end, isMatch: true };
  }
  if (end < text.length) yield { start: end, end: text.length, isMatch: false };
}

/** The parts by matches, of which those of nothing directly after another do not count. */
function* partsBetween(matches: Iterable<Range>, length: number): Generator<Part> {
  let end = 0;
  let hasMatched = false;
  for (const match of matches) {
    if (match.start === match.end && match.start === end && hasMatched) continue;
    if (match.start > end) yield { start: end, end: match.start, isMatch: false };
    end = match.end;
    hasMatched = true;
    yield { start: match.start, end, isMatch: true };
  }
  if (end < length) yield { start: end, end: length, isMatch: false };
}

/**
 * Splits a text by a pattern.
 *
 * @param options.invert  exchanges what is matched and what lies between
 * @returns the parts that are kept, none of them empty
 */
export function* splitText(
  text: string,
  pattern: TextPattern,
  { behavior, invert }: { readonly behavior: SplitBehavior; readonly invert: boolean },
): Generator<Part> {
  const found = findParts(pattern, text);
  const parts = invert ? inverted(found) : found;
  for (const part of joinParts(parts, behavior)) if (part.end > part.start) yield part;
}

function* inverted(parts: Iterable<Part>): Generator<Part> {
  for (const part of parts) yield { ...part, isMatch: !part.isMatch };
}

function joinParts(parts: Iterable<Part>, behavior: SplitBehavior): Iterable<Part> {
  switch (behavior) {
    case 'Isolated':
      return parts;
    case 'Removed':
      return between(parts);
    case 'Contiguous':
      return joined(parts, (part, previous) => part.isMatch === previous);
    case 'MergedWithPrevious':
      return joined(parts, (part, previous) => part.isMatch && !previous);
    case 'MergedWithNext':
      return joinedToNext(parts);
  }
}

function* between(parts: Iterable<Part>): Generator<Part> {
  for (const part of parts) if (!part.isMatch) yield part;
}

/** Joins a part to the one before it where `joins` says so. `previous` says whether the part before it was a match. */
function* joined(parts: Iterable<Part>, joins: (part: Part, previous: boolean) => boolean): Generator<Part> {
  let last: Part | undefined;
  let previous = false;
  for (const part of parts) {
    if (last !== undefined && joins(part, previous)) last.end = part.end;
    else {
      if (last !== undefined) yield last;
      last = { ...part };
    }
    previous = part.isMatch;
  }
  if (last !== undefined) yield last;
}

/** A match belongs to the part after it, unless that is a match too. */
function* joinedToNext(parts: Iterable<Part>): Generator<Part> {
  let waiting: Part | undefined;
  for (const part of parts) {
    if (waiting !== undefined && !part.isMatch) {
      yield { ...part, start: waiting.start };
      waiting = undefined;
      continue;
    }
    if (waiting !== undefined) yield waiting;
    waiting = part.isMatch ? part : undefined;
    if (waiting === undefined) yield part;
  }
  if (waiting !== undefined) yield waiting;
}
