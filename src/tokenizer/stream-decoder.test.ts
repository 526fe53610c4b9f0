import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { bytePieceFiles, byteLevelFiles, metaspaceFiles, wordPieceFiles } from './testing/tiny-tokenizers.ts';
import { createTokenizer, type StreamDecoderOptions, type Tokenizer } from './tokenizer.ts';

const kinds = [byteLevelFiles(), bytePieceFiles(), metaspaceFiles(), wordPieceFiles()];

function stream(tokenizer: Tokenizer, ids: readonly number[], options: StreamDecoderOptions = {}): string[] {
  const decoder = tokenizer.createStreamDecoder(options);
  return [...ids.map((id) => decoder.push(id)), decoder.end()];
}

describe.each(kinds)('the stream decoder of $folder', (files) => {
  const tokenizer = createTokenizer(files);
  // Ids outside the vocabulary too: a model may have more rows than its tokenizer has tokens.
  const anyIds = fc.array(fc.integer({ min: 0, max: tokenizer.vocabSize + 3 }), { maxLength: 24 });

  it('gives out exactly what decoding everything at once gives, for any tokens', () => {
    fc.assert(
      fc.property(anyIds, fc.boolean(), (ids, skipSpecial) => {
        expect(stream(tokenizer, ids, { skipSpecial }).join('')).toBe(tokenizer.decode(ids, { skipSpecial }));
      }),
      { numRuns: 500 },
    );
  });

  it('goes on after a prompt with the text that the prompt and it have together', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), anyIds, (prompt, ids) => {
        const after = tokenizer.encode(prompt);
        const whole = tokenizer.decode([...after, ...ids]);
        fc.pre(whole.startsWith(tokenizer.decode(after)));
        expect(tokenizer.decode(after) + stream(tokenizer, ids, { after }).join('')).toBe(whole);
      }),
    );
  });
});

describe.each([byteLevelFiles(), bytePieceFiles()])('the stream decoder of $folder', (files) => {
  const tokenizer = createTokenizer(files);
  const anyIds = fc.array(fc.integer({ min: 0, max: tokenizer.vocabSize - 1 }), { maxLength: 24 });

  it('gives text back as it was, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
        fc.pre(!text.includes('\u2581') && !text.includes('\ufeff') && !text.startsWith('<'));
        expect(stream(tokenizer, tokenizer.encode(text)).join('')).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it('has its text in the bytes of its tokens, parts of characters included', () => {
    fc.assert(
      fc.property(anyIds, (ids) => {
        const bytes = ids.flatMap((id) => [...(tokenizer.tokenBytes(id) ?? [])]);
        const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
        // A part of a character that is cut off by an added token is told apart in bytes only.
        fc.pre(!text.includes('\ufffd'));
        const isSame = [text, text.slice(1)].includes(tokenizer.decode(ids, { skipSpecial: false }));
        expect(isSame).toBe(true);
      }),
    );
    const emoji = tokenizer.encode('\u{1f600}').flatMap((id) => [...(tokenizer.tokenBytes(id) ?? [])]);
    expect(emoji.slice(-4)).toEqual([0xf0, 0x9f, 0x98, 0x80]);
    expect(tokenizer.tokenBytes(tokenizer.vocabSize)).toBeUndefined();
  });

  it('never gives out a part of a character', () => {
    const pieces = stream(tokenizer, tokenizer.encode('a\u{1f600}b\u{1f3f3}c'));
    expect(pieces.join('')).toBe('a\u{1f600}b\u{1f3f3}c');
    expect(pieces.every((piece) => !piece.includes('\ufffd'))).toBe(true);
  });

  it('ends a character that never came whole with replacement characters', () => {
    const cut = tokenizer.encode('\u{1f600}').slice(0, -1);
    expect(stream(tokenizer, cut).findLast((piece) => piece !== '')).toMatch(/^\ufffd+$/);
  });
});

/** What is given out after each token, beside what is complete then. */
function held(tokenizer: Tokenizer, text: string): { given: string; complete: string }[] {
  const decoder = tokenizer.createStreamDecoder();
  let given = '';
  return tokenizer.encode(text).map((id, at, ids) => {
    given += decoder.push(id);
    return { given, complete: tokenizer.decode(ids.slice(0, at + 1)).replace(/\ufffd+$/, '') };
  });
}

it('holds back no more than the bytes of one unfinished character', () => {
  const tokenizer = createTokenizer(byteLevelFiles());
  const steps = held(tokenizer, 'hello world, \u{1f600}\u{1f601} h\u00e9llo.');
  for (const { given, complete } of steps) expect(given).toBe(complete);
});

it('holds back no more than a run of byte tokens, because a later byte can make all of it invalid', () => {
  const tokenizer = createTokenizer(bytePieceFiles());
  for (const { given, complete } of held(tokenizer, 'hello \u{1f600}\u{1f601} h\u00e9llo.')) {
    expect(complete.startsWith(given)).toBe(true);
    expect(complete.slice(given.length)).toMatch(/^[^ -~]*$/u);
  }
});

it('makes each byte of an invalid run a replacement character, as the Rust library does', () => {
  const tokenizer = createTokenizer(bytePieceFiles());
  const { vocab } = z.object({ vocab: z.record(z.string(), z.number()) }).parse(bytePieceFiles().tokenizer['model']);
  const bytes = ['<0xC3>', '<0xA9>', '<0xFF>'].map((token) => vocab[token] ?? 0);
  expect(tokenizer.decode(bytes.slice(0, 2))).toBe('\u00e9');
  expect(tokenizer.decode(bytes)).toBe('\ufffd\ufffd\ufffd');
  expect(stream(tokenizer, bytes).join('')).toBe('\ufffd\ufffd\ufffd');
});

it('decodes word pieces as they come', () => {
  const tokenizer = createTokenizer(wordPieceFiles());
  for (const { given, complete } of held(tokenizer, 'hello, the world.')) expect(given).toBe(complete);
});

it('keeps the space in front of the first word where it goes on after a prompt, and drops it where it does not', () => {
  const tokenizer = createTokenizer(bytePieceFiles());
  const ids = tokenizer.encode('hello');
  expect(stream(tokenizer, ids).join('')).toBe('hello');
  expect(stream(tokenizer, ids, { after: tokenizer.encode('world') }).join('')).toBe(' hello');
});
