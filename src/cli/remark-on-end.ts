import type { GenerationRequest } from '../engine/index.ts';

/** How an answer ended. */
export interface Ending {
  /** The number of tokens of the answer. */
  readonly count: number;
  readonly finishReason: string | undefined;
  /** Whether it is a text without a character. */
  readonly isEmpty: boolean;
}

/**
 * Explains an answer that would look like a fault: nothing but an empty line, or fewer tokens than were asked for.
 *
 * @param maxPositions  the context of the base, in tokens
 */
export function remarkOnEnd(
  { count, finishReason, isEmpty }: Ending,
  { tokens: prompt, maxTokens }: Pick<GenerationRequest, 'tokens' | 'maxTokens'>,
  maxPositions: number,
): string | undefined {
  if (finishReason === 'stop' && isEmpty) {
    return 'The answer is empty: the model ended it at once. A model that was trained on chats answers --messages, which applies its chat template.';
  }
  if (finishReason !== 'length' || count >= maxTokens) return undefined;
  return `The answer ends where the context of the base does, after ${maxPositions} tokens: the prompt has ${prompt.length}, the answer ${count}. --max-tokens ${maxTokens} is more than fits.`;
}
