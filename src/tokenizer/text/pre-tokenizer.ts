import { z } from 'zod';

import type { Range } from '../range.ts';
import { toByteLevel } from '../byte-level.ts';
import type { AlignedText } from './aligned-text.ts';
import { character, parseComponent, replacePattern } from './component.ts';
import { replaceAligned } from './normalizing.ts';
import { punctuationMark } from './old-categories.ts';
import { literalPattern } from './pattern.ts';
import { scriptRuns } from './scripts.ts';
import { splitBehaviors, splitText, type SplitBehavior, type TextPattern } from './split-text.ts';
import { whiteSpace, wordCharacter } from './unicode.ts';

/** A part of a text that a model tokenizes by itself. */
export interface Piece {
  readonly text: string;
  /** Whether it is where the whole text begins. */
  readonly isFirst: boolean;
}

/** The same, and what each part of it comes from. */
export interface AlignedPiece {
  readonly text: AlignedText;
  readonly isFirst: boolean;
}

/** Splits pieces of a text into smaller ones, as they are asked for, and may change them. */
export interface PreTokenizer {
  split(pieces: Iterable<Piece>): Iterable<Piece>;
  splitAligned(pieces: Iterable<AlignedPiece>): Iterable<AlignedPiece>;
}

const simple = z.object({ type: z.enum(['BertPreTokenizer', 'Whitespace', 'WhitespaceSplit', 'UnicodeScripts']) });
const behavior = z.enum(splitBehaviors);
const byteLevel = z.object({
  type: z.literal('ByteLevel'),
  add_prefix_space: z.boolean(),
  use_regex: z.boolean().default(true),
});
const metaspace = z.object({
  type: z.literal('Metaspace'),
  replacement: character,
  prepend_scheme: z.enum(['first', 'never', 'always']).optional(),
  add_prefix_space: z.boolean().nullish(),
  split: z.boolean().nullish(),
});
const delimiter = z.object({ type: z.literal('CharDelimiterSplit'), delimiter: character });
const digits = z.object({ type: z.literal('Digits'), individual_digits: z.boolean() });
const fixedLength = z.object({ type: z.literal('FixedLength'), length: z.int().min(1).default(5) });
const punctuated = z.object({ type: z.literal('Punctuation'), behavior: behavior.default('Isolated') });
const split = z.object({ type: z.literal('Split'), pattern: replacePattern, behavior, invert: z.boolean() });
const sequence = z.object({ type: z.literal('Sequence'), pretokenizers: z.array(z.unknown()) });
const schema = z.discriminatedUnion('type', [
  simple,
  byteLevel,
  metaspace,
  delimiter,
  digits,
  fixedLength,
  punctuated,
  split,
  sequence,
]);

/** The pattern of GPT-2. @see Radford et al. 2019, its encoder */
const gpt2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const space = new RegExp(`[${whiteSpace}]`, 'gv');
const word = new RegExp(`[${wordCharacter}]+|[^${wordCharacter}${whiteSpace}]+`, 'gv');
const number = /\p{N}/gu;
const plainSpace = / /g;

/**
 * Reads the `pre_tokenizer` of a `tokenizer.json`.
 *
 * @throws RangeError
 */
export function readPreTokenizer(json: unknown): PreTokenizer | undefined {
  if (json === null || json === undefined) return undefined;
  const given = parseComponent(schema, json);
  switch (given.type) {
    case 'ByteLevel':
      return byteLevelSplit(given.add_prefix_space, given.use_regex);
    case 'Metaspace':
      return metaspaceSplit(given);
    case 'BertPreTokenizer':
      return inOrder([splitting(space, 'Removed'), splitting(punctuationMark, 'Isolated')]);
    case 'Whitespace':
      return splitting(word, 'Removed', true);
    case 'WhitespaceSplit':
      return splitting(space, 'Removed');
    case 'UnicodeScripts':
      return splittingBy(scriptRuns);
    case 'CharDelimiterSplit':
      return splitting(literalPattern(given.delimiter), 'Removed');
    case 'Digits':
      return splitting(number, given.individual_digits ? 'Isolated' : 'Contiguous');
    case 'Punctuation':
      return splitting(punctuationMark, given.behavior);
    case 'FixedLength':
      return splittingBy((text) => fixedParts(text, given.length));
    case 'Split':
      return splitting(given.pattern, given.behavior, given.invert);
    case 'Sequence':
      return inOrder(given.pretokenizers.map(readPreTokenizer).filter((step) => step !== undefined));
  }
}

/** Leaves a text in one piece. */
export const wholeText: PreTokenizer = { split: (pieces) => pieces, splitAligned: (pieces) => pieces };

function inOrder(steps: readonly PreTokenizer[]): PreTokenizer {
  return {
    split: (pieces) => steps.reduce((done, step) => step.split(done), pieces),
    splitAligned: (pieces) => steps.reduce((done, step) => step.splitAligned(done), pieces),
  };
}

function splitting(pattern: TextPattern, kept: SplitBehavior, invert = false): PreTokenizer {
  return splittingBy((text) => splitText(text, pattern, { behavior: kept, invert }));
}

function splittingBy(partsOf: (text: string) => Iterable<Range>): PreTokenizer {
  return {
    *split(pieces) {
      for (const { text, isFirst } of pieces) {
        for (const { start, end } of partsOf(text))
          yield { text: text.slice(start, end), isFirst: isFirst && start === 0 };
      }
    },
    *splitAligned(pieces) {
      for (const { text, isFirst } of pieces) {
        for (const { start, end } of partsOf(text.text))
          yield { text: text.slice(start, end), isFirst: isFirst && start === 0 };
      }
    },
  };
}

function changing(change: (piece: Piece) => string, align: (piece: AlignedPiece) => AlignedText): PreTokenizer {
  return {
    *split(pieces) {
      for (const piece of pieces) yield { text: change(piece), isFirst: piece.isFirst };
    },
    *splitAligned(pieces) {
      for (const piece of pieces) yield { text: align(piece), isFirst: piece.isFirst };
    },
  };
}

const inByteLevel = changing(
  ({ text }) => toByteLevel(text),
  ({ text }) => text.mapEach(toByteLevel),
);

const afterSpace = changing(
  ({ text }) => (text.startsWith(' ') ? text : ` ${text}`),
  ({ text }) => (text.text.startsWith(' ') ? text : text.prepend(' ')),
);

function byteLevelSplit(addPrefixSpace: boolean, useRegex: boolean): PreTokenizer {
  return inOrder([
    ...(addPrefixSpace ? [afterSpace] : []),
    ...(useRegex ? [splitting(gpt2, 'Isolated')] : []),
    inByteLevel,
  ]);
}

function metaspaceSplit(given: z.infer<typeof metaspace>): PreTokenizer {
  const { replacement, add_prefix_space: prefix, split: splits } = given;
  let { prepend_scheme: scheme = 'always' } = given;
  if (prefix === false) {
    if (given.prepend_scheme !== undefined && scheme !== 'never') {
      throw new RangeError(`its add_prefix_space is false, and its prepend_scheme is ${JSON.stringify(scheme)}`);
    }
    scheme = 'never';
  }
  const isPrefixed = (text: string, isFirst: boolean): boolean =>
    (scheme === 'always' || (scheme === 'first' && isFirst)) && !text.startsWith(replacement);
  const mark = changing(
    ({ text, isFirst }) => {
      const replaced = text.replaceAll(' ', () => replacement);
      return isPrefixed(replaced, isFirst) ? replacement + replaced : replaced;
    },
    ({ text, isFirst }) => {
      const replaced = replaceAligned(text, plainSpace, replacement);
      return isPrefixed(replaced.text, isFirst) ? replaced.prepend(replacement) : replaced;
    },
  );
  const byMarks = splitting(literalPattern(replacement), 'MergedWithNext');
  return (splits ?? true) ? inOrder([mark, byMarks]) : mark;
}

function fixedParts(text: string, length: number): Range[] {
  const parts: Range[] = [];
  let [start, end, count] = [0, 0, 0];
  for (const each of text) {
    end += each.length;
    if (++count < length) continue;
    parts.push({ start, end });
    [start, count] = [end, 0];
  }
  if (end > start) parts.push({ start, end });
  return parts;
}
