import { z } from 'zod';

import { toByteLevel } from '../byte-level.ts';
import { parseComponent, replacePattern } from './component.ts';
import { accent, beginsWith, combiningMark, control } from './old-categories.ts';
import { findParts } from './split-text.ts';
import { CharacterMap } from './precompiled.ts';
import { lowercase } from './unicode.ts';

/** Changes a text before it is split. */
export interface Normalizer {
  readonly normalize: (text: string) => string;
  /**
   * Whether what begins the normalized text is not what began the text, as the Rust library counts it. Some pre-tokenizers put a space only
   * before what begins a text.
   */
  readonly losesStart: (text: string) => boolean;
}

const simple = z.object({
  type: z.enum(['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'Nmt', 'ByteLevel']),
});
const bert = z.object({
  type: z.literal('BertNormalizer'),
  clean_text: z.boolean(),
  handle_chinese_chars: z.boolean(),
  strip_accents: z.boolean().nullish(),
  lowercase: z.boolean(),
});
const strip = z.object({ type: z.literal('Strip'), strip_left: z.boolean(), strip_right: z.boolean() });
const precompiled = z.object({ type: z.literal('Precompiled'), precompiled_charsmap: z.string().nullish() });
const replace = z.object({ type: z.literal('Replace'), pattern: replacePattern, content: z.string() });
const prepend = z.object({ type: z.literal('Prepend'), prepend: z.string() });
const sequence = z.object({ type: z.literal('Sequence'), normalizers: z.array(z.unknown()) });
const schema = z.discriminatedUnion('type', [simple, bert, strip, precompiled, replace, prepend, sequence]);

/**
 * Reads the `normalizer` of a `tokenizer.json`.
 *
 * @throws RangeError
 */
export function readNormalizer(json: unknown): Normalizer | undefined {
  if (json === null || json === undefined) return undefined;
  const given = parseComponent(schema, json);
  switch (given.type) {
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return keepsStart((text) => text.normalize(given.type));
    case 'Lowercase':
      return keepsStart(lowercase);
    case 'StripAccents':
      return removing(combiningMark);
    case 'Nmt':
      return inOrder([removing(nmtControl), keepsStart((text) => text.replaceAll(nmtSpace, ' '))]);
    case 'ByteLevel':
      return keepsStart(toByteLevel);
    case 'BertNormalizer':
      return bertNormalizer(given);
    case 'Strip':
      return stripSpace(given.strip_left, given.strip_right);
    case 'Precompiled': {
      if (!given.precompiled_charsmap) return keepsStart((text) => text);
      const map = new CharacterMap(given.precompiled_charsmap);
      return keepsStart((text) => map.normalize(text));
    }
    case 'Replace': {
      const { pattern, content } = given;
      const begins = (text: string): boolean => findParts(pattern, text).next().value?.isMatch === true;
      return { normalize: replaceAll(pattern, content), losesStart: (text) => content === '' && begins(text) };
    }
    case 'Prepend':
      return keepsStart((text) => (text === '' ? '' : given.prepend + text));
    case 'Sequence':
      return inOrder(given.normalizers.map(readNormalizer).filter((step) => step !== undefined));
  }
}

function keepsStart(normalize: (text: string) => string): Normalizer {
  return { normalize, losesStart: () => false };
}

function removing(set: RegExp): Normalizer {
  return { normalize: (text) => text.replaceAll(set, ''), losesStart: (text) => beginsWith(set, text) };
}

function inOrder(steps: readonly Normalizer[]): Normalizer {
  return {
    normalize: (text) => steps.reduce((done, { normalize }) => normalize(done), text),
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

/** Replaces what a pattern matches. A match of nothing directly after another match does not count. */
export function replaceAll(pattern: RegExp, content: string): (text: string) => string {
  return (text) => {
    if (text === '') return '';
    let end = -1;
    // The place comes after what the groups matched, which are texts.
    return text.replaceAll(pattern, (matched: string, ...others: unknown[]) => {
      const at = others.find((each) => typeof each === 'number') ?? 0;
      if (matched === '' && at === end) return '';
      end = at + matched.length;
      return content;
    });
  };
}

function stripSpace(left: boolean, right: boolean): Normalizer {
  const normalize = (text: string): string => {
    const begun = left ? text.replace(/^\p{White_Space}+/u, '') : text;
    if (!right) return begun;
    let end = begun.length;
    while (end > 0 && /\p{White_Space}/u.test(begun.charAt(end - 1))) end--;
    return begun.slice(0, end);
  };
  return { normalize, losesStart: (text) => left && /^\p{White_Space}/u.test(text) };
}

// What sentencepiece's nmt rules do beyond NFKC: without control characters, and with plain spaces.
const nmtControl = new RegExp(String.raw`[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]`, 'gv');
const nmtSpace = new RegExp(String.raw`[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]`, 'gv');

/** @see Devlin et al. 2018, BERT's BasicTokenizer */
function bertNormalizer(options: z.infer<typeof bert>): Normalizer {
  const stripsAccents = options.strip_accents ?? options.lowercase;
  const steps: Normalizer[] = [];
  if (options.clean_text) {
    steps.push(
      removing(control),
      keepsStart((text) => text.replaceAll(/\p{White_Space}/gu, ' ')),
    );
  }
  if (options.handle_chinese_chars) steps.push(keepsStart((text) => text.replaceAll(chinese, ' $& ')));
  if (stripsAccents)
    steps.push(
      keepsStart((text) => text.normalize('NFD')),
      removing(accent),
    );
  if (options.lowercase) steps.push(keepsStart(lowercase));
  return inOrder(steps);
}

// The blocks of BERT, and not the script Han. That 2b820 to 2b91f is missing is a slip of the Rust library, kept for equal ids.
const chinese =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
