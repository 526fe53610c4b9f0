import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createTokenizer, type Tokenizer } from 'espalier/tokenizer';
import { createDemoTokenizer } from './tokenizer-files.ts';
import { trainBpe } from './train-bpe.ts';

const specialTokens = ['<|end|>'];
const texts = [
  'low low low low low',
  'lower lower',
  'newest newest newest newest newest newest',
  'widest widest widest',
];

function tokenizerOf(vocabSize: number): Tokenizer {
  return createTokenizer({ folder: 'demo', ...createDemoTokenizer(texts, { vocabSize }) });
}

describe('trainBpe', () => {
  it('joins the most frequent pairs first, as in the example of the paper', () => {
    const { merges } = trainBpe(texts, { vocabSize: 261, specialTokens });
    expect(merges).toEqual([
      ['e', 's'],
      ['es', 't'],
      ['l', 'o'],
      ['lo', 'w'],
    ]);
  });

  it('gives special tokens the first ids, then the bytes, then one for each merge', () => {
    const { tokens, merges } = trainBpe(texts, { vocabSize: 270, specialTokens });
    expect(tokens[0]).toBe('<|end|>');
    expect(tokens).toHaveLength(1 + 256 + merges.length);
    expect(tokens.slice(257)).toEqual(merges.map(([left, right]) => left + right));
  });

  it('stops where no pair occurs twice', () => {
    const { tokens } = trainBpe(['abcabc xyz'], { vocabSize: 5000, specialTokens });
    expect(tokens.length).toBeLessThan(300);
  });
});

describe('the tokenizer of the demo', () => {
  it('writes a frequent word as one token', () => {
    expect(tokenizerOf(300).encode('newest')).toHaveLength(1);
  });

  it('gives any text back as it was', () => {
    const tokenizer = tokenizerOf(280);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }),
    );
  });

  it('writes each turn between its marker and <|end|>', () => {
    const tokenizer = tokenizerOf(280);
    const messages = [
      { role: 'system', content: 'low' },
      { role: 'user', content: ' lower ' },
    ];
    expect(tokenizer.renderChat(messages, { addGenerationPrompt: true })).toBe(
      '<|bos|><|system|>low<|end|><|user|>lower<|end|><|assistant|>',
    );
    expect(() => tokenizer.renderChat([{ role: 'tool', content: '' }], { addGenerationPrompt: true })).toThrow(
      /not tool/,
    );
  });
});
