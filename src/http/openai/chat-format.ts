import type { Piece } from '../answering/pieces.ts';
import type { ChoiceFormat } from './choices-format.ts';
import { chatLogprobs } from './logprobs.ts';

/** Writes the choices of a chat. */
export function chatFormat({ withTokenIds }: { readonly withTokenIds: boolean }): ChoiceFormat {
  const told = (logprobs: Piece['logprobs']): object | null => (logprobs === undefined ? null : chatLogprobs(logprobs));
  const ids = (tokenIds: readonly number[]): object => (withTokenIds ? { token_ids: tokenIds } : {});
  return {
    idPrefix: 'chatcmpl',
    object: 'chat.completion',
    chunkObject: 'chat.completion.chunk',
    opening: (index) => ({ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }),
    chunk: (index, { text, tokenIds, logprobs, finishReason }) => ({
      index,
      delta: { content: text },
      logprobs: told(logprobs),
      finish_reason: finishReason ?? null,
      ...ids(tokenIds),
    }),
    choice: (index, { text, tokenIds, logprobs, finishReason }) => ({
      index,
      message: { role: 'assistant', content: text, refusal: null },
      logprobs: told(logprobs),
      finish_reason: finishReason ?? null,
      ...ids(tokenIds),
    }),
  };
}
