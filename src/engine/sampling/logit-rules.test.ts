import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { GenerationRequest } from '../sequence/generation-request.ts';
import { LogitRules } from './logit-rules.ts';

const vocabulary = 12;
const token = fc.integer({ min: 0, max: vocabulary - 1 });
const penalty = fc.constantFrom(0, 0.5, -1.25, 2);

interface Case {
  readonly request: GenerationRequest;
  readonly drawn: readonly number[];
  readonly logits: readonly number[];
  readonly stops: readonly number[];
}

const someCase: fc.Arbitrary<Case> = fc.record({
  request: fc.record({
    tokens: fc.array(token, { minLength: 1, maxLength: 10 }),
    maxTokens: fc.constant(20),
    presencePenalty: penalty,
    frequencyPenalty: penalty,
    repetitionPenalty: fc.constantFrom(1, 1.3, 0.5),
    minTokens: fc.constantFrom(0, 3),
    logitBias: fc.dictionary(token.map(String), fc.constantFrom(-100, -0.5, 100)).map((biases) => {
      return new Map(Object.entries(biases).map(([id, bias]) => [Number(id), bias]));
    }),
  }),
  drawn: fc.array(token, { maxLength: 12 }),
  logits: fc.array(fc.integer({ min: -40, max: 40 }), { minLength: vocabulary, maxLength: vocabulary }),
  stops: fc.uniqueArray(token, { maxLength: 2 }),
});

/** The formulas, one token after the other. */
function expected({ request, drawn, logits, stops }: Case): number[] {
  const { tokens, presencePenalty = 0, frequencyPenalty = 0, repetitionPenalty = 1, minTokens = 0 } = request;
  return logits.map((logit, id) => {
    const count = drawn.filter((other) => other === id).length;
    let value = Math.fround(logit / 4) + (request.logitBias?.get(id) ?? 0);
    const isRepeated = count > 0 || Array.from(tokens).includes(id);
    if (isRepeated) value = value > 0 ? value / repetitionPenalty : value * repetitionPenalty;
    value -= frequencyPenalty * count + (count > 0 ? presencePenalty : 0);
    return drawn.length < minTokens && stops.includes(id) ? -Infinity : value;
  });
}

function rulesOf({ request, drawn, stops }: Case): LogitRules | undefined {
  const rules = LogitRules.of(request, { limit: 20, stops: new Set(stops) });
  for (const id of drawn) rules?.note(id);
  return rules;
}

describe('LogitRules', () => {
  it('changes logits by the formulas, and leaves the row of the model as it is', () => {
    fc.assert(
      fc.property(someCase, (one) => {
        const row = Float32Array.from(one.logits, (value) => value / 4);
        const out = new Float32Array(vocabulary).fill(Number.NaN);
        const actual = rulesOf(one)?.apply(row, out) ?? row;
        for (const [id, value] of expected(one).entries()) expect(actual[id]).toBeCloseTo(value, 4);
        expect(Array.from(row)).toEqual(one.logits.map((value) => value / 4));
      }),
      { numRuns: 500 },
    );
  });

  it('is not there where nothing is asked for', () => {
    const neutral = {
      presencePenalty: 0,
      frequencyPenalty: 0,
      repetitionPenalty: 1,
      minTokens: 0,
      logitBias: new Map(),
    };
    const limits = { limit: 4, stops: new Set([1]) };
    expect(LogitRules.of({ tokens: [1], maxTokens: 4 }, limits)).toBeUndefined();
    expect(LogitRules.of({ tokens: [1], maxTokens: 4, ...neutral }, limits)).toBeUndefined();
  });

  it('gives each request rules of its own', () => {
    fc.assert(
      fc.property(someCase, someCase, (one, other) => {
        const row = Float32Array.from(one.logits);
        const scratch = new Float32Array(vocabulary);
        const alone = Array.from(rulesOf(one)?.apply(row, scratch) ?? row);
        const [first, second] = [rulesOf({ ...one, drawn: [] }), rulesOf({ ...other, drawn: [] })];
        for (const id of one.drawn) {
          first?.note(id);
          second?.apply(row, scratch);
          second?.note((id + 1) % vocabulary);
        }
        expect(Array.from(first?.apply(row, scratch) ?? row)).toEqual(alone);
      }),
    );
  });
});
