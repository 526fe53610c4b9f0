import type { Steps } from '../../core/index.ts';
import type { Range } from '../range.ts';
import type { AlignedText } from './aligned-text.ts';
import { BoundedPattern } from './bounded-pattern.ts';
import { normalFormChanges, type NormalForm } from './normal-form.ts';
import { beginsWith } from './old-categories.ts';
import { findParts, type TextPattern } from './split-text.ts';

/** Changes a text before it is split. */
export interface Normalizer {
  readonly normalize: (text: string) => string;
  /** The same in steps, for long texts. */
  readonly normalizeSteps: (text: string) => Steps<Normalized>;
  /** The same, and what each part of the normalized text comes from. */
  readonly align: (text: AlignedText) => AlignedText;
  /**
   * Whether what begins the normalized text is not what began the text, as the Rust library counts it. Some pre-tokenizers put a space only
   * before what begins a text.
   */
  readonly losesStart: (text: string) => boolean;
}

/** A normalized text, with what `losesStart` says of it. */
export interface Normalized {
  readonly text: string;
  readonly losesStart: boolean;
}

interface NormalizerParts extends Pick<Normalizer, 'normalize' | 'align'> {
  /** Default: all at once, for what is one call of the engine. It takes a few milliseconds for a megabyte. */
  readonly steps?: (text: string) => Steps<string>;
  /** Default: never. */
  readonly losesStart?: Normalizer['losesStart'];
}

export function createNormalizer(parts: NormalizerParts): Normalizer {
  const { normalize, align, steps, losesStart = () => false } = parts;
  return {
    normalize,
    align,
    losesStart,
    *normalizeSteps(text) {
      const normalized = steps === undefined ? normalize(text) : yield* steps(text);
      return { text: normalized, losesStart: losesStart(text) };
    },
  };
}

export function inOrder(steps: readonly Normalizer[]): Normalizer {
  return {
    normalize: (text) => steps.reduce((done, { normalize }) => normalize(done), text),
    align: (text) => steps.reduce((done, { align }) => align(done), text),
    *normalizeSteps(text) {
      let done: Normalized = { text, losesStart: false };
      for (const { normalizeSteps } of steps) {
        const next = yield* normalizeSteps(done.text);
        done = { text: next.text, losesStart: done.losesStart || next.losesStart };
        yield;
      }
      return done;
    },
    losesStart(text) {
      let done = text;
      for (const { normalize, losesStart } of steps) {
        if (losesStart(done)) return true;
        done = normalize(done);
      }
      return false;
    },
  };
}

/** @param change  gives of a text what it gives of each character, in a row */
export function byCharacter(change: (text: string) => string, losesStart?: Normalizer['losesStart']): Normalizer {
  return createNormalizer({
    normalize: change,
    steps: inParts(change, anywhere),
    align: (text) => text.mapEach(change),
    ...(losesStart && { losesStart }),
  });
}

export function normalForm(form: NormalForm): Normalizer {
  const normalize = (text: string): string => text.normalize(form);
  const align = (text: AlignedText): AlignedText =>
    normalize(text.text) === text.text ? text : text.change(normalFormChanges(text.text, form));
  return createNormalizer({ normalize, steps: inParts(normalize, starter), align });
}

export function removing(set: RegExp): Normalizer {
  return byCharacter(
    (text) => text.replaceAll(set, ''),
    (text) => beginsWith(set, text),
  );
}

export function replacing(pattern: TextPattern, content: string): Normalizer {
  const begins = (text: string): boolean => findParts(pattern, text).next().value?.isMatch === true;
  return createNormalizer({
    normalize: replaceAll(pattern, content),
    align: (text) => replaceAligned(text, pattern, content),
    losesStart: (text) => content === '' && begins(text),
  });
}

/** Replaces what a pattern matches. A match of nothing directly after another match does not count. */
export function replaceAll(pattern: TextPattern, content: string): (text: string) => string {
  return (text) => {
    if (text === '') return '';
    if (!(pattern instanceof BoundedPattern)) return replaceDirectly(pattern, text, content);
    if (text.length <= pattern.freeLength) return replaceDirectly(pattern.expression, text, content);
    let replaced = '';
    for (const { start, end, isMatch } of findParts(pattern, text))
      replaced += isMatch ? content : text.slice(start, end);
    return replaced;
  };
}

function replaceDirectly(pattern: RegExp, text: string, content: string): string {
  let end = -1;
  // The place comes after what the groups matched, which are texts.
  return text.replaceAll(pattern, (matched: string, ...others: unknown[]) => {
    const at = others.find((each) => typeof each === 'number') ?? 0;
    if (matched === '' && at === end) return '';
    end = at + matched.length;
    return content;
  });
}

/** The same for a text that knows what its parts come from. */
export function replaceAligned(text: AlignedText, pattern: TextPattern, content: string): AlignedText {
  return text.text === '' ? text : text.replaceParts(matchesOf(pattern, text.text), content);
}

function* matchesOf(pattern: TextPattern, text: string): Generator<Range> {
  for (const part of findParts(pattern, text)) if (part.isMatch) yield part;
}

/** Normalizes parts of a text that begin at characters which are not joined to what is before them. */
function inParts(normalize: Normalizer['normalize'], begins: RegExp): (text: string) => Steps<string> {
  return function* steps(text) {
    let normalized = '';
    for (let start = 0; start < text.length;) {
      begins.lastIndex = start + partLength;
      const end = begins.exec(text)?.index ?? text.length;
      normalized += normalize(text.slice(start, end));
      start = end;
      yield;
    }
    return normalized;
  };
}

/** Some hundred microseconds of work. */
const partLength = 4096;
/** Any character; the flag u keeps surrogates together. */
const anywhere = /[^]/gu;
/** Characters that begin a part of every normal form; others may do so too. */
const starter = /[\0-\u02ff\u0400-\u0482\u048a-\u052f\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]/g;
