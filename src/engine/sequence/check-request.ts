import { EspalierError } from '../../core/index.ts';
import type { GenerationRequest } from './generation-request.ts';
import { isTokenId } from './token-id.ts';

/**
 * WHY these limits: logits are finite numbers of single precision. A factor of a hundred in either direction keeps the logits of all
 * models finite, and no use needs more.
 */
export const repetitionPenalties = { least: 0.01, most: 100 };

/** Limits against which a request is checked. */
export interface RequestLimits {
  /** Tokens of prompt and answer together. */
  readonly maxLength: number;
  readonly vocabulary: number;
}

/**
 * Checks a request before any work is done for it.
 * @throws EspalierError PROMPT_EMPTY, PROMPT_TOO_LONG, TOKEN_OUT_OF_RANGE, GENERATION_OPTION_INVALID
 */
export function checkRequest(request: GenerationRequest, { maxLength, vocabulary }: RequestLimits): void {
  const { tokens, maxTokens, adapters = [] } = request;
  if (tokens.length === 0) throw new EspalierError('PROMPT_EMPTY', {});
  if (tokens.length + Math.min(maxTokens, 1) > maxLength) {
    throw new EspalierError('PROMPT_TOO_LONG', { tokens: tokens.length, limit: maxLength });
  }
  checkTokens(tokens, vocabulary);
  expect('maxTokens', maxTokens, Number.isInteger(maxTokens) && maxTokens >= 0, 'an integer from 0');
  const { maxWaitMs = 0 } = request;
  expect('maxWaitMs', maxWaitMs, maxWaitMs >= 0, 'a number of milliseconds');
  checkSampling(request);
  checkRules(request, vocabulary);
  for (const { lease, scale = 1 } of adapters) {
    expect(`scale of ${lease.alias}`, scale, Math.abs(scale) <= 1000, 'a number from -1000 to 1000');
  }
  const top = request.logprobs?.top ?? 0;
  expect(
    'logprobs.top',
    top,
    Number.isInteger(top) && top >= 0 && top <= vocabulary,
    `an integer from 0 to ${vocabulary}`,
  );
}

/**
 * Refuses a DoRA adapter together with others or with a scale.
 *
 * WHY alone: a magnitude fixes the final length of a row of the weight, so a fraction of it, or two of them together, have no meaning.
 *
 * @throws EspalierError GENERATION_OPTION_INVALID
 */
export function assertAlone(adapters: NonNullable<GenerationRequest['adapters']>): void {
  const actual = adapters.map(({ lease, scale = 1 }) => `${lease.alias}=${scale}`).join(', ');
  if (adapters.length === 1 && (adapters[0]?.scale ?? 1) === 1) return;
  const [name, expected] = ['adapters', 'one adapter at scale 1 where it is a DoRA adapter'];
  throw new EspalierError('GENERATION_OPTION_INVALID', { name, expected, actual });
}

/**
 * Refuses several adapters together. WHY: where they lie in the arena, and in which order their updates are added up, depends on the
 * requests before.
 *
 * @throws EspalierError GENERATION_OPTION_INVALID
 */
export function assertSingle(adapters: NonNullable<GenerationRequest['adapters']>): void {
  if (adapters.length === 1) return;
  const actual = adapters.map(({ lease }) => lease.alias).join(', ');
  const expected = 'one adapter where results must not depend on other requests (batchInvariant)';
  throw new EspalierError('GENERATION_OPTION_INVALID', { name: 'adapters', expected, actual });
}

function checkSampling({
  temperature = 0,
  topK = 0,
  topP = 1,
  minP = 0,
  typicalP = 1,
  ...rest
}: GenerationRequest): void {
  const { seed = 0 } = rest;
  expect('temperature', temperature, Number.isFinite(temperature) && temperature >= 0, 'a number from 0');
  expect('topK', topK, Number.isInteger(topK) && topK >= 0, 'an integer from 0');
  expect('topP', topP, topP > 0 && topP <= 1, 'a number above 0 and up to 1');
  expect('minP', minP, minP >= 0 && minP <= 1, 'a number from 0 to 1');
  expect('typicalP', typicalP, typicalP > 0 && typicalP <= 1, 'a number above 0 and up to 1');
  expect('seed', seed, Number.isSafeInteger(seed), 'an integer');
}

function checkRules(request: GenerationRequest, vocabulary: number): void {
  const { presencePenalty = 0, frequencyPenalty = 0, repetitionPenalty = 1, minTokens = 0 } = request;
  expect('presencePenalty', presencePenalty, Math.abs(presencePenalty) <= 2, 'a number from -2 to 2');
  expect('frequencyPenalty', frequencyPenalty, Math.abs(frequencyPenalty) <= 2, 'a number from -2 to 2');
  const { least, most } = repetitionPenalties;
  const isFactor = repetitionPenalty >= least && repetitionPenalty <= most;
  expect('repetitionPenalty', repetitionPenalty, isFactor, `a number from ${least} to ${most}`);
  const isCount = Number.isInteger(minTokens) && minTokens >= 0 && minTokens <= request.maxTokens;
  expect('minTokens', minTokens, isCount, `an integer from 0 to the most tokens of the answer, ${request.maxTokens}`);
  checkTokenRules(request, vocabulary);
}

/** WHY no `expect` in the loops: it would write a message for each of the thousand biases of each of hundreds of choices. */
function checkTokenRules({ logitBias, stopTokenIds = [] }: GenerationRequest, vocabulary: number): void {
  for (const [token, bias] of logitBias ?? []) {
    if (!isTokenId(token) || token >= vocabulary) {
      throw invalid('logitBias', `of tokens from 0 to ${vocabulary - 1}`, token);
    }
    if (!(Math.abs(bias) <= 100)) throw invalid('logitBias', `a number from -100 to 100 for token ${token}`, bias);
  }
  // Ids beyond the vocabulary are allowed, because the files of a base may name some; they are never drawn.
  for (const token of stopTokenIds) if (!isTokenId(token)) throw invalid('stopTokenIds', 'token ids', token);
}

function checkTokens(tokens: ArrayLike<number>, vocabulary: number): void {
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index] ?? Number.NaN;
    if (Number.isInteger(token) && token >= 0 && token < vocabulary) continue;
    throw new EspalierError('TOKEN_OUT_OF_RANGE', { index, token: String(token), last: vocabulary - 1 });
  }
}

function expect(name: string, actual: number, holds: boolean, expected: string): void {
  if (!holds) throw invalid(name, expected, actual);
}

function invalid(name: string, expected: string, actual: number): EspalierError {
  return new EspalierError('GENERATION_OPTION_INVALID', { name, expected, actual: String(actual) });
}
