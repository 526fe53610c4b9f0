import { EspalierError } from '../core/index.ts';
import type { PreparedAdapter } from '../engine/index.ts';
import type { AdapterLease } from '../routing/index.ts';
import type { ChatMessage, Tokenizer } from '../tokenizer/index.ts';
import type { GenerationEngine } from './engine-port.ts';

/** A prompt that every new version answers before requests get it. */
export interface GoldenPrompt {
  readonly prompt?: string | undefined;
  /** A conversation, in the place of a prompt. */
  readonly messages?: readonly ChatMessage[] | undefined;
  /** How the greedy answer begins. Absent: any answer will do, if its numbers are finite. */
  readonly answer?: string | undefined;
  /** The only adapter that is asked. Absent: every adapter. */
  readonly adapter?: string | undefined;
}

export interface SelfTestOptions {
  readonly engine: Pick<GenerationEngine, 'generate'>;
  /** The base's. */
  readonly tokenizer: Tokenizer | undefined;
  readonly prompts: readonly GoldenPrompt[];
}

/** WHY more than one: attention to a single token cannot fail. */
const anyTokens = [0, 1, 2, 3];

/** Tokens that may be spelt otherwise in an answer than in the expected text. */
const spareTokens = 8;

/**
 * Lets a version answer prompts, greedily, as one request among the others. It always runs once, so that a version whose logits are not
 * finite is refused.
 *
 * @throws EspalierError ADAPTER_SELF_TEST_FAILED, and the errors of the engine
 */
export async function selfTest(
  name: string,
  lease: AdapterLease<PreparedAdapter>,
  { engine, tokenizer: ofBase, prompts }: SelfTestOptions,
): Promise<void> {
  const tokenizer = lease.tokenizer ?? ofBase;
  const own = promptsFor(name, prompts);
  const [first] = own;
  if (first === undefined || tokenizer === undefined) {
    await answerOf(engine, lease, { tokens: anyTokens, maxTokens: 1 });
    return;
  }
  for (const { answer: expected = '', ...asked } of own) {
    const tokens = await tokensOf(asked, tokenizer);
    const maxTokens = expected === '' ? 1 : (await tokenizer.encodeInSlices(expected)).length + spareTokens;
    const ids = await answerOf(engine, lease, { tokens: tokens.length > 0 ? tokens : anyTokens, maxTokens });
    const actual = tokenizer.decode([...tokens, ...ids]).slice(tokenizer.decode(tokens).length);
    if (actual.trimStart().startsWith(expected.trim())) continue;
    const prompt = JSON.stringify(asked.prompt ?? asked.messages);
    const quoted = { prompt, expected: JSON.stringify(expected), actual: JSON.stringify(actual) };
    throw new EspalierError('ADAPTER_SELF_TEST_FAILED', { name, ...quoted });
  }
}

/** The prompts that the versions of a name are asked. */
export function promptsFor(name: string, prompts: readonly GoldenPrompt[]): readonly GoldenPrompt[] {
  return prompts.filter(({ adapter }) => adapter === undefined || adapter === name);
}

function tokensOf({ prompt = '', messages }: GoldenPrompt, tokenizer: Tokenizer): Promise<number[]> {
  if (messages === undefined) return tokenizer.encodeInSlices(prompt);
  return tokenizer.encodeChatInSlices(messages, { addGenerationPrompt: true });
}

async function answerOf(
  engine: SelfTestOptions['engine'],
  lease: AdapterLease<PreparedAdapter>,
  { tokens, maxTokens }: { readonly tokens: readonly number[]; readonly maxTokens: number },
): Promise<number[]> {
  const ids: number[] = [];
  const request = { tokens, adapters: [{ lease }], maxTokens, temperature: 0, stopTokenIds: new Set<number>() };
  for await (const { token } of engine.generate({ ...request, key: 'self-test' })) ids.push(token);
  return ids;
}
