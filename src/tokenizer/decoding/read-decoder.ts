import { z } from 'zod';

import { character, parseComponent, replacePattern } from '../text/component.ts';
import { replaceAll } from '../text/normalizing.ts';
import { changeWhole, concatenate, joinBySpaces, readBytes, stripStart, type Fuse } from './fuse.ts';
import { byteFallback, cleanUp, collapse, eachToken, stripEnds, wordSuffix, type Stage } from './stage.ts';

/** How tokens become text: steps that look at tokens, and then the text of all of them. */
export interface Decoding {
  readonly stages: readonly (() => Stage)[];
  readonly fuse: () => Fuse;
  /** Whether the text comes at the end only. */
  readonly isHeld: boolean;
  /** Whether the text of a token, unless it is the first, is the same whatever tokens come before and after it. */
  readonly isLocal: boolean;
  /** How tokens write bytes: each character is one (`level`), a token such as `<0x0A>` is one (`fallback`), or never. */
  readonly bytes: 'level' | 'fallback' | 'none';
}

const count = z.int().min(0);
const sequence = z.object({ type: z.literal('Sequence'), decoders: z.array(z.unknown()) });
const schema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ByteLevel') }),
  z.object({ type: z.literal('Fuse') }),
  z.object({ type: z.literal('ByteFallback') }),
  z.object({ type: z.literal('BPEDecoder'), suffix: z.string() }),
  z.object({ type: z.literal('WordPiece'), prefix: z.string(), cleanup: z.boolean() }),
  z.object({
    type: z.literal('Metaspace'),
    replacement: character,
    prepend_scheme: z.enum(['first', 'never', 'always']).default('always'),
    add_prefix_space: z.boolean().nullish(),
  }),
  z.object({ type: z.literal('CTC'), pad_token: z.string(), word_delimiter_token: z.string(), cleanup: z.boolean() }),
  z.object({ type: z.literal('Replace'), pattern: replacePattern, content: z.string() }),
  z.object({ type: z.literal('Strip'), content: character, start: count, stop: count }),
]);

/**
 * Reads the `decoder` of a `tokenizer.json`.
 *
 * @throws RangeError
 */
export function readDecoder(json: unknown): Decoding {
  if (json === null || json === undefined)
    return { stages: [], fuse: joinBySpaces, isHeld: false, isLocal: true, bytes: 'none' };
  const decoding: Mutable = { stages: [], fuse: undefined, isHeld: false, isLocal: true, bytes: 'none' };
  for (const step of flatten(json)) addStep(decoding, parseComponent(schema, step));
  return { ...decoding, fuse: decoding.fuse ?? concatenate };
}

interface Mutable {
  readonly stages: (() => Stage)[];
  fuse: (() => Fuse) | undefined;
  isHeld: boolean;
  isLocal: boolean;
  bytes: Decoding['bytes'];
}

type Step = z.infer<typeof schema>;

function flatten(json: unknown): unknown[] {
  const { data } = sequence.safeParse(json);
  return data === undefined ? [json] : data.decoders.flatMap(flatten);
}

function addStep(decoding: Mutable, given: Step): void {
  const { stages, fuse } = decoding;
  if (fuse !== undefined) {
    addWhole(decoding, fuse, given);
    return;
  }
  if (given.type === 'ByteLevel') {
    decoding.fuse = readBytes;
    if (stages.length === 0) decoding.bytes = 'level';
  } else if (given.type === 'Fuse') {
    decoding.fuse = concatenate;
  } else {
    if (given.type === 'ByteFallback') decoding.bytes = 'fallback';
    if (given.type === 'BPEDecoder' || given.type === 'CTC') decoding.isLocal = false;
    stages.push(() => stageOf(given));
  }
}

/** Steps after the one that makes a single text see that text as one token. */
function addWhole(decoding: Mutable, fuse: () => Fuse, given: Step): void {
  if (given.type === 'Fuse') return;
  if (given.type === 'Strip' && given.stop === 0) {
    decoding.fuse = () => stripStart(fuse(), given.content, given.start);
    return;
  }
  decoding.isHeld = true;
  decoding.isLocal = false;
  decoding.fuse = () =>
    changeWhole(fuse(), (text) => {
      if (given.type === 'ByteLevel') {
        const bytes = readBytes();
        return bytes.push(text) + bytes.end();
      }
      const stage = stageOf(given);
      return [...stage.push(text), ...stage.end()].join('');
    });
}

function stageOf(given: Exclude<Step, { type: 'ByteLevel' } | { type: 'Fuse' }>): Stage {
  switch (given.type) {
    case 'ByteFallback':
      return byteFallback();
    case 'BPEDecoder':
      return wordSuffix(given.suffix);
    case 'CTC':
      return collapse({ pad: given.pad_token, delimiter: given.word_delimiter_token, cleanup: given.cleanup });
    case 'WordPiece': {
      const { prefix, cleanup } = given;
      return eachToken((token, isFirst) => {
        const joined = isFirst ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
        return cleanup ? cleanUp(joined) : joined;
      });
    }
    case 'Metaspace': {
      const { replacement, prepend_scheme: scheme, add_prefix_space: prefix } = given;
      const isPrefixed = scheme !== 'never' && prefix !== false;
      return eachToken((token, isFirst) => token.replaceAll(replacement, () => (isFirst && isPrefixed ? '' : ' ')));
    }
    case 'Replace':
      return eachToken(replaceAll(given.pattern, given.content));
    case 'Strip':
      return eachToken(stripEnds(given.content, given.start, given.stop));
  }
}
