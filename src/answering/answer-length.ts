import { EspalierError } from '../core/index.ts';

/** The most tokens of an answer, as a request gives it. */
export interface LengthLimit {
  /** The field that gives it. */
  readonly param: string;
  readonly asked: number | null | undefined;
  /** The limit of a request that gives none. */
  readonly byDefault: number;
}

/**
 * The most tokens that an answer gets. What a request asks for must fit beside its prompt; a default is cut to what fits.
 *
 * WHY refused, and not cut: an answer that ends early for the length of its prompt looks like one that was cut as asked, and nobody would
 * see that a long history leaves no room.
 *
 * @throws EspalierError ANSWER_BEYOND_CONTEXT
 */
export function answerLength({ param, asked, byDefault }: LengthLimit, promptTokens: number, limit: number): number {
  const most = limit - promptTokens;
  // WHY 1 at least: with no room for one token, the engine refuses the prompt.
  if (asked === undefined || asked === null) return Math.max(1, Math.min(byDefault, most));
  if (asked <= most || most <= 0) return asked;
  throw new EspalierError('ANSWER_BEYOND_CONTEXT', { param, actual: asked, most, tokens: promptTokens, limit });
}
