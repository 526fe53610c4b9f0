import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createTokenizer, type Tokenizer } from '../tokenizer/index.ts';
import { byteLevelFiles, bytePieceFiles, metaspaceFiles } from '../tokenizer/testing/tiny-tokenizers.ts';
import type { ConstraintSpec } from './constraint-spec.ts';
import { Constraints } from './constraints.ts';
import { drawAnswer, tokensOf } from './testing/walk.ts';

const tokenizers: Record<string, Tokenizer> = {
  'byte-level': createTokenizer(byteLevelFiles()),
  'byte-piece': createTokenizer(bytePieceFiles()),
};
const end = 2;

/** The bytes of the tokens of an answer, read as a client gets them. */
function textOf(tokenizer: Tokenizer, tokens: readonly number[]): string {
  const decoder = tokenizer.createStreamDecoder({ after: [3] });
  return tokens.map((token) => decoder.push(token)).join('') + decoder.end();
}

const forms: Record<string, { spec: ConstraintSpec; holds: (text: string) => boolean }> = {
  object: { spec: { kind: 'json-object' }, holds: isObject },
  date: {
    spec: { kind: 'regex', pattern: '\\d{4}-(0[1-9]|1[0-2])' },
    holds: (text) => /^\d{4}-(0[1-9]|1[0-2])$/.test(text),
  },
  words: { spec: { kind: 'regex', pattern: '[^x]{3,9}(é|😀)+' }, holds: (text) => /^[^x]{3,9}(é|😀)+$/u.test(text) },
  choice: {
    spec: { kind: 'choice', choices: ['hello', 'hello world', 'no'] },
    holds: (t) => ['hello', 'hello world', 'no'].includes(t),
  },
  call: {
    spec: { kind: 'sequence', parts: ['<call>', { kind: 'json-object' }, '</call>'] },
    holds: (text) => /^<call>.*<\/call>$/su.test(text) && isObject(text.slice(6, -7)),
  },
};

function isObject(text: string): boolean {
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

describe('an answer that follows a form', () => {
  for (const [name, tokenizer] of Object.entries(tokenizers)) {
    it.each(Object.entries(forms))(`is complete wherever it ends: ${name}, %s`, async (_, { spec, holds }) => {
      const constraint = await new Constraints().of(spec, tokenizer);
      let complete = 0;
      fc.assert(
        fc.property(fc.nat(), (seed) => {
          const answer = drawAnswer(constraint, { seed, end, most: 250, haste: 1 });
          if (!answer.isComplete) return;
          complete++;
          expect(holds(textOf(tokenizer, answer.tokens))).toBe(true);
        }),
        { numRuns: 30 },
      );
      expect(complete).toBeGreaterThan(5);
    });
  }
});

describe('the mask of a state', () => {
  it.each(Object.entries(tokenizers))(
    'holds the tokens whose bytes the automaton takes, one by one: %s',
    async (_, tokenizer) => {
      for (const { spec } of Object.values(forms)) {
        const constraint = await new Constraints().of(spec, tokenizer);
        fc.assert(
          fc.property(fc.nat(), fc.nat(20), (seed, most) => {
            const { tokens } = drawAnswer(constraint, { seed, end, most });
            let state = constraint.start;
            for (const token of tokens) state = constraint.after(state, token) ?? state;
            const expected = Array.from({ length: tokenizer.vocabSize }, (__, id) => id).filter(
              (id) => constraint.after(state, id) !== undefined,
            );
            expect(tokensOf(constraint.maskOf(state), tokenizer.vocabSize)).toEqual(expected);
          }),
          { numRuns: 25 },
        );
      }
    },
  );
});

describe('a vocabulary', () => {
  it('without the letters of a form is refused at once', async () => {
    const tokenizer = createTokenizer(metaspaceFiles());
    await expect(new Constraints().of({ kind: 'json-object' }, tokenizer)).rejects.toMatchObject({
      code: 'CONSTRAINT_INVALID',
    });
    await expect(new Constraints().of({ kind: 'choice', choices: ['hello world'] }, tokenizer)).resolves.toBeDefined();
  });
});
