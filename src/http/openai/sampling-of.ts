import type { Drawing, Sampling } from '../../answering/index.ts';
import type { SamplingBody } from './request-body.ts';

/** Seeds may have 64 bits, as for other servers. A number cannot hold them exactly, so they are reduced by this modulus. */
const seeds = 2 ** 52;

/**
 * What a body asks of the choices of its answer.
 * @param topLogprobs  number of most likely tokens to report beside each token; undefined: no log-probabilities
 */
export function drawingOf(body: SamplingBody, topLogprobs: number | undefined): Drawing {
  return {
    sampling: samplingOf(body),
    ...(body.logits_processors && { processors: body.logits_processors }),
    n: body.n ?? 1,
    stops: body.stop ?? [],
    stopTokenIds: body.stop_token_ids ?? [],
    ignoresEnds: body.ignore_eos === true,
    topLogprobs,
    namesByIds: body.return_tokens_as_token_ids === true,
  };
}

/** The sampling options of a body, in the engine's form. */
export function samplingOf(body: SamplingBody): Sampling {
  const topK = body.top_k ?? 0;
  const topP = body.top_p ?? 1;
  return {
    // WHY 1: OpenAI's default.
    temperature: body.temperature ?? 1,
    // WHY: at least one token always remains, so a top_p of 0 keeps the most likely one.
    ...(topP === 0 ? { topK: 1 } : { topK: Math.max(0, topK), topP }),
    minP: body.min_p ?? 0,
    typicalP: body.typical_p ?? 1,
    presencePenalty: body.presence_penalty ?? 0,
    frequencyPenalty: body.frequency_penalty ?? 0,
    repetitionPenalty: body.repetition_penalty ?? 1,
    ...(body.logit_bias ? { logitBias: body.logit_bias } : {}),
    minTokens: body.min_tokens ?? 0,
    ...(typeof body.seed === 'number' ? { seed: body.seed % seeds } : {}),
  };
}
