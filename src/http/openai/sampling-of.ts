import type { GenerationRequest } from '../../service/index.ts';
import type { SamplingBody } from './request-body.ts';

type Sampling = Pick<
  GenerationRequest,
  | 'temperature'
  | 'topK'
  | 'topP'
  | 'minP'
  | 'presencePenalty'
  | 'frequencyPenalty'
  | 'repetitionPenalty'
  | 'logitBias'
  | 'minTokens'
  | 'seed'
>;

/** Seeds may have 64 bits, as for other servers. A number cannot hold them exactly, so they are reduced by this modulus. */
const seeds = 2 ** 52;

/**
 * The sampling options of a body, in the engine's form.
 * @param place index of the choice among those of its prompt
 */
export function samplingOf(body: SamplingBody, place: number): Sampling {
  const topK = body.top_k ?? 0;
  const topP = body.top_p ?? 1;
  return {
    // WHY 1: OpenAI's default.
    temperature: body.temperature ?? 1,
    // WHY: at least one token always remains, so a top_p of 0 keeps the most likely one.
    ...(topP === 0 ? { topK: 1 } : { topK: Math.max(0, topK), topP }),
    minP: body.min_p ?? 0,
    presencePenalty: body.presence_penalty ?? 0,
    frequencyPenalty: body.frequency_penalty ?? 0,
    repetitionPenalty: body.repetition_penalty ?? 1,
    ...(body.logit_bias ? { logitBias: body.logit_bias } : {}),
    minTokens: body.min_tokens ?? 0,
    // WHY by the place: each choice draws independently, and a prompt in a list gets the same answer as alone.
    ...(typeof body.seed === 'number' ? { seed: (body.seed % seeds) + place } : {}),
  };
}
