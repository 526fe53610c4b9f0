import { isJsonObject, type JsonObject } from './tokenizer-files.ts';

/**
 * The rules by which a decoder can decode tokens one by one.
 *
 * @see the `decoder` of `tokenizer.json`
 */
export interface DecodeRules {
  /** How tokens represent bytes: each character is a byte (`level`), a token such as `<0x0A>` is a byte (`fallback`), or never. */
  readonly bytes: 'level' | 'fallback' | 'none';
  /** Replacements in each token, in order. */
  readonly replacements: readonly { readonly from: string; readonly to: string }[];
  /** Removed from the beginning of the whole text, at most `count` times. */
  readonly stripStart: { readonly content: string; readonly count: number };
}

const nothing = { content: '', count: 0 };

/**
 * Reads the decoders that language models use: ByteLevel (GPT-2, Llama 3, Qwen), the sentencepiece sequence of
 * Replace, ByteFallback, Fuse and Strip (Llama 2, Mistral, Gemma), and Metaspace.
 *
 * @returns undefined for any other decoder: its text is final only when all tokens are there
 */
export function readDecodeRules(decoder: unknown): DecodeRules | undefined {
  if (!isJsonObject(decoder)) return undefined;
  switch (decoder['type']) {
    case 'ByteLevel':
      return { bytes: 'level', replacements: [], stripStart: nothing };
    case 'Metaspace': {
      const from = typeof decoder['replacement'] === 'string' ? decoder['replacement'] : '\u2581';
      return { bytes: 'none', replacements: [{ from, to: ' ' }], stripStart: { content: ' ', count: 1 } };
    }
    case 'Sequence': {
      const steps: unknown = decoder['decoders'];
      return Array.isArray(steps) ? readSequence(steps.filter(isJsonObject)) : undefined;
    }
    default:
      return undefined;
  }
}

function readSequence(steps: readonly JsonObject[]): DecodeRules | undefined {
  if (steps.length === 1) return readDecodeRules(steps[0]);
  const replacements: { from: string; to: string }[] = [];
  let at = 0;
  for (; steps[at]?.['type'] === 'Replace'; at++) {
    const { pattern, content } = steps[at] ?? {};
    const from = isJsonObject(pattern) ? pattern['String'] : undefined;
    if (typeof from !== 'string' || typeof content !== 'string') return undefined;
    replacements.push({ from, to: content });
  }
  if (steps[at++]?.['type'] !== 'ByteFallback') return undefined;
  if (steps[at++]?.['type'] !== 'Fuse') return undefined;
  const stripStart = readStrip(steps[at]);
  if (stripStart === undefined || at + 1 < steps.length) return undefined;
  return { bytes: 'fallback', replacements, stripStart };
}

function readStrip(step: JsonObject | undefined): DecodeRules['stripStart'] | undefined {
  if (step === undefined) return nothing;
  const { type, content, start = 0, stop = 0 } = step;
  if (type !== 'Strip' || stop !== 0 || typeof start !== 'number' || typeof content !== 'string') return undefined;
  return content.length === 1 ? { content, count: start } : undefined;
}
