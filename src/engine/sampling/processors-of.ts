import type { GenerationRequest } from '../sequence/generation-request.ts';
import { CallerProcessor } from './caller-processor.ts';
import type { LogitsProcessor } from './logits-processor.ts';
import { FrequencyPenalty } from './processors/frequency-penalty.ts';
import { LogitBias } from './processors/logit-bias.ts';
import { MinTokens } from './processors/min-tokens.ts';
import { RepetitionPenalty } from './processors/repetition-penalty.ts';

/** Further values on which the processors of a request depend. */
export interface ProcessorLimits {
  /** Most tokens of the answer. */
  readonly limit: number;
  /** Tokens that end the answer. */
  readonly stops: ReadonlySet<number>;
}

/**
 * The processors of a request, in the order in which they run:
 *
 *   l += bias                                                 `LogitBias`
 *   l = l > 0 ? l / repetition : l · repetition               `RepetitionPenalty`
 *   l −= frequency · count + presence                         `FrequencyPenalty`
 *   the caller's `logitsFunctions`, in their order
 *   the request's own `processors`, such as the form of its answer
 *   l = −∞ for tokens that end the answer                     `MinTokens`, last, so that nothing brings them back
 *
 * Empty if the request needs none; its steps then cost nothing extra.
 *
 * @see vLLM for the order
 */
export function processorsOf(
  request: GenerationRequest,
  { limit, stops }: ProcessorLimits,
): readonly LogitsProcessor[] {
  const {
    tokens,
    presencePenalty = 0,
    frequencyPenalty = 0,
    repetitionPenalty = 1,
    minTokens = 0,
    logitBias,
  } = request;
  const list: LogitsProcessor[] = [];
  if (logitBias !== undefined && logitBias.size > 0) list.push(new LogitBias(logitBias));
  if (repetitionPenalty !== 1) list.push(new RepetitionPenalty({ penalty: repetitionPenalty, prompt: tokens, limit }));
  if (presencePenalty !== 0 || frequencyPenalty !== 0) {
    list.push(new FrequencyPenalty({ frequency: frequencyPenalty, presence: presencePenalty, limit }));
  }
  for (const given of request.logitsFunctions ?? []) list.push(new CallerProcessor(given, tokens));
  list.push(...(request.processors ?? []));
  if (minTokens > 0) list.push(new MinTokens({ minTokens, stops }));
  return list;
}
