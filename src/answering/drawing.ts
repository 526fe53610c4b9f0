import type { GenerationRequest, NamedLogitsFunction } from '../service/index.ts';

/** How the tokens of an answer are drawn, as the engine takes it. `seed` is that of the first choice of a prompt. */
export type Sampling = Pick<
  GenerationRequest,
  | 'temperature'
  | 'topK'
  | 'topP'
  | 'minP'
  | 'typicalP'
  | 'presencePenalty'
  | 'frequencyPenalty'
  | 'repetitionPenalty'
  | 'logitBias'
  | 'minTokens'
  | 'seed'
>;

/** What a request asks of the choices of its answer, whatever the API that it came by. */
export interface Drawing {
  readonly sampling: Sampling;
  /** Logits processors in their order: functions of the caller, and names of those that the owner of the server has registered. */
  readonly processors?: readonly (string | NamedLogitsFunction)[] | undefined;
  /** Number of choices for each prompt. */
  readonly n: number;
  /** Strings that end the answer. */
  readonly stops: readonly string[];
  readonly stopTokenIds: readonly number[];
  /** Whether the answer goes on after the tokens and the mark that end a turn. */
  readonly ignoresEnds: boolean;
  /** Number of most likely tokens to report beside each token; undefined reports no log-probabilities. */
  readonly topLogprobs: number | undefined;
  /** Whether log-probabilities name tokens by their ids. */
  readonly namesByIds: boolean;
}

/** The sampling of the choice at a place among those of its prompt. WHY by the place: each choice draws independently, and a prompt in a list gets the same answer as alone. */
export function samplingAt({ sampling }: Drawing, place: number): Sampling {
  return sampling.seed === undefined ? sampling : { ...sampling, seed: sampling.seed + place };
}
