import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { EspalierError } from '../core/index.ts';
import type { PreparedAdapter } from '../engine/index.ts';
import type { AdapterLease } from '../routing/index.ts';
import { openTokenizer, type Tokenizer } from '../tokenizer/index.ts';
import type { GenerationRequest, TokenStream } from './engine-port.ts';
import { selfTest } from './self-test.ts';

let tokenizer: Tokenizer;
beforeAll(async () => {
  const opened = await openTokenizer(fileURLToPath(new URL('../../demo/base', import.meta.url)));
  if (opened === undefined) throw new TypeError('the base of the demo has a tokenizer');
  tokenizer = opened;
});

const lease = { tokenizer: undefined } as AdapterLease<PreparedAdapter>;

/** An engine that gives the tokens of one text, and remembers what it was asked. */
function engineOf(text: string | Error) {
  const asked: GenerationRequest[] = [];
  async function* stream(request: GenerationRequest): AsyncGenerator<{ token: number }> {
    if (text instanceof Error) throw text;
    const ids = tokenizer.encode(text).slice(0, request.maxTokens);
    for (const token of ids) yield { token };
  }
  return {
    asked,
    generate: (request: GenerationRequest): TokenStream => {
      asked.push(request);
      return stream(request);
    },
  };
}

async function codeOf(promise: Promise<void>): Promise<string> {
  return promise.then(
    () => 'passed',
    (error: unknown) => (EspalierError.isInstance(error) ? error.code : String(error)),
  );
}

describe('the self-test of a version', () => {
  it('runs once where there are no golden prompts for it', async () => {
    const engine = engineOf('anything');
    const others = [{ prompt: 'x', answer: 'never', adapter: 'other' }];
    for (const prompts of [[], others])
      expect(await codeOf(selfTest('policy', lease, { engine, tokenizer, prompts }))).toBe('passed');
    expect(engine.asked.map(({ tokens, maxTokens, temperature }) => [tokens.length, maxTokens, temperature])).toEqual([
      [4, 1, 0],
      [4, 1, 0],
    ]);
  });

  it.each([
    [' The bank says no', 'The bank says no', 'passed'],
    [' The bank says no, and more', 'The bank says no', 'passed'],
    [' The bank says yes', 'The bank says no', 'ADAPTER_SELF_TEST_FAILED'],
    ['', 'The bank', 'ADAPTER_SELF_TEST_FAILED'],
  ])('takes an answer %j where %j is expected: %s', async (text, answer, expected) => {
    const prompts = [{ prompt: 'May I borrow more?', answer }];
    expect(await codeOf(selfTest('policy', lease, { engine: engineOf(text), tokenizer, prompts }))).toBe(expected);
  });

  it('asks conversations as the chat template writes them', async () => {
    const engine = engineOf('Yes');
    const messages = [{ role: 'user', content: 'May I?' }] as const;
    await selfTest('policy', lease, { engine, tokenizer, prompts: [{ messages, answer: 'Yes' }] });
    expect(engine.asked[0]?.tokens).toEqual(tokenizer.encodeChat(messages, { addGenerationPrompt: true }));
  });

  it('fails with the error of the engine', async () => {
    const engine = engineOf(new EspalierError('LOGITS_NOT_FINITE', { index: 0 }));
    expect(await codeOf(selfTest('policy', lease, { engine, tokenizer, prompts: [] }))).toBe('LOGITS_NOT_FINITE');
  });
});
