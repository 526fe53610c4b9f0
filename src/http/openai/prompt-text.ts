import { EspalierError } from '../../core/index.ts';
import type { TextOrTokens } from './request-readers.ts';

/** No tokenizer in use packs more characters of real text into a token; only runs of spaces come near. */
const charactersPerToken = 32;

/**
 * Refuses a text that cannot fit the context before it is cut into tokens. Token ids are counted by who runs them.
 * WHY: the tokenizer works on the event loop, and a text of megabytes would hold everybody up.
 *
 * @throws EspalierError REQUEST_INVALID
 */
export function checkTextLength(text: TextOrTokens, param: string, maxLength: number): void {
  const most = maxLength * charactersPerToken;
  if (typeof text !== 'string' || text.length <= most) return;
  throw new EspalierError('REQUEST_INVALID', {
    param,
    problem: `${text.length} characters came, and no more than ${most} can fit the context of ${maxLength} tokens`,
  });
}
