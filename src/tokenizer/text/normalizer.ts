import { z } from 'zod';

import { finishNow } from '../../core/index.ts';
import { toByteLevel } from '../byte-level.ts';
import type { Range } from '../range.ts';
import { parseComponent, replacePattern } from './component.ts';
import {
  byCharacter,
  createNormalizer,
  inOrder,
  normalForm,
  removing,
  replacing,
  type Normalizer,
} from './normalizing.ts';
import { accent, combiningMark, control } from './old-categories.ts';
import { CharacterMap } from './precompiled.ts';
import { lowercase } from './unicode.ts';

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
      return normalForm(given.type);
    case 'Lowercase':
      return byCharacter(lowercase);
    case 'StripAccents':
      return removing(combiningMark);
    case 'Nmt':
      return inOrder([removing(nmtControl), byCharacter((text) => text.replaceAll(nmtSpace, ' '))]);
    case 'ByteLevel':
      return byCharacter(toByteLevel);
    case 'BertNormalizer':
      return bertNormalizer(given);
    case 'Strip':
      return stripSpace(given.strip_left, given.strip_right);
    case 'Precompiled': {
      if (!given.precompiled_charsmap) return inOrder([]);
      const map = new CharacterMap(given.precompiled_charsmap);
      return createNormalizer({
        normalize: (text) => finishNow(map.normalize(text)),
        steps: (text) => map.normalize(text),
        align: (text) => text.change(map.changes(text.text)),
      });
    }
    case 'Replace':
      return replacing(given.pattern, given.content);
    case 'Prepend':
      return createNormalizer({
        normalize: (text) => (text === '' ? '' : given.prepend + text),
        align: (text) => text.prepend(given.prepend),
      });
    case 'Sequence':
      return inOrder(given.normalizers.map(readNormalizer).filter((step) => step !== undefined));
  }
}

function stripSpace(left: boolean, right: boolean): Normalizer {
  const kept = (text: string): Range => {
    const start = left ? (/^\p{White_Space}*/u.exec(text)?.[0].length ?? 0) : 0;
    let end = text.length;
    while (right && end > start && /\p{White_Space}/u.test(text.charAt(end - 1))) end--;
    return { start, end };
  };
  return createNormalizer({
    normalize(text) {
      const { start, end } = kept(text);
      return text.slice(start, end);
    },
    align(text) {
      const { start, end } = kept(text.text);
      return text.keep(start, end);
    },
    losesStart: (text) => left && /^\p{White_Space}/u.test(text),
  });
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
      byCharacter((text) => text.replaceAll(/\p{White_Space}/gu, ' ')),
    );
  }
  if (options.handle_chinese_chars) steps.push(byCharacter((text) => text.replaceAll(chinese, ' $& ')));
  if (stripsAccents) steps.push(normalForm('NFD'), removing(accent));
  if (options.lowercase) steps.push(byCharacter(lowercase));
  return inOrder(steps);
}

// The blocks of BERT, and not the script Han. That 2b820 to 2b91f is missing is a slip of the Rust library, kept for equal ids.
const chinese =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
