import { createRandom } from '../core/index.ts';
import type { PlannedRequest } from './trace.ts';

export interface PromptOptions {
  readonly seed: number;
  /** Number of tokens that all prompts have in common at their beginning. */
  readonly sharedTokens: number;
}

/** Short common words. Most tokenizers make one token of each with the space before it. */
const words =
  'time year people way day man thing woman life child world school state family student group country problem hand part place case week company system program question work government number night point home water room mother area money story fact month lot right study book eye job word business issue side kind head house service friend father power hour game line end member law car city community name president team minute idea body information back parent face others level office door health person art war history party result change morning reason research girl guy moment air teacher force education'.split(
    ' ',
  );

/** A prompt of about as many tokens as planned, as text. */
export function promptText(planned: PlannedRequest, options: PromptOptions): string {
  return drawn(planned, options, (pick) => words[pick(words.length)] ?? '').join(' ');
}

/**
 * A prompt of exactly as many tokens as planned, as token ids.
 * @param vocabulary  ids are drawn from [0, vocabulary)
 */
export function promptIds(planned: PlannedRequest, options: PromptOptions, vocabulary: number): number[] {
  return drawn(planned, options, (pick) => pick(vocabulary));
}

function drawn<T>(
  { index, promptTokens }: PlannedRequest,
  { seed, sharedTokens }: PromptOptions,
  draw: (pick: (bound: number) => number) => T,
): T[] {
  const shared = createRandom(seed, 'load/shared prompt');
  const own = createRandom(seed, `load/prompt ${index}`);
  const pick = (place: number) => (bound: number) => (place < sharedTokens ? shared : own).integer(bound);
  return Array.from({ length: promptTokens }, (_, place) => draw(pick(place)));
}
