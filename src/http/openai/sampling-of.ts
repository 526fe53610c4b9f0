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

/** Seeds as other servers take them have 64 bits, more than a number holds exactly: they are folded. */
const seeds = 2 ** 52;

/**
 * How a body wants tokens drawn, in the engine's words.
 * @param place  of the choice among those of its prompt
 */
export function samplingOf(body: SamplingBody, place: number): Sampling {
  const topK = body.top_k ?? 0;
  const topP = body.top_p ?? 1;
  return {
    // WHY 1: OpenAI's default.
    temperature: body.temperature ?? 1,
    // WHY: some token is always left, so that a top_p of 0 leaves the likeliest.
    ...(topP === 0 ? { topK: 1 } : { topK: Math.max(0, topK), topP }),
    minP: body.min_p ?? 0,
    presencePenalty: body.presence_penalty ?? 0,
    frequencyPenalty: body.frequency_penalty ?? 0,
    repetitionPenalty: body.repetition_penalty ?? 1,
    ...(body.logit_bias ? { logitBias: body.logit_bias } : {}),
    minTokens: body.min_tokens ?? 0,
    // WHY by the place: each choice draws on its own, and a prompt among others is answered as it is alone.
    ...(typeof body.seed === 'number' ? { seed: (body.seed % seeds) + place } : {}),
  };
}
