import type { NamedToken } from '../../answering/index.ts';

/**
 * Log-probabilities in the form of `/v1/completions`: parallel lists.
 *
 * The most likely tokens are an object by name, which always contains the token itself. If two tokens have the same name, the more
 * likely one keeps it.
 */
export function completionLogprobs(tokens: readonly NamedToken[]): object {
  return {
    tokens: tokens.map(({ text }) => text),
    token_logprobs: tokens.map(({ logprob }) => logprob ?? null),
    top_logprobs: tokens.map(likeliestByName),
    text_offset: tokens.map(({ offset }) => offset),
  };
}

function likeliestByName({ text, logprob, top }: NamedToken): Readonly<Record<string, number>> | null {
  if (logprob === undefined) return null;
  const byName = new Map<string, number>();
  for (const one of [...top, { text, logprob }]) if (!byName.has(one.text)) byName.set(one.text, one.logprob);
  return Object.fromEntries(byName);
}

/** Log-probabilities in the form of `/v1/chat/completions`: an object for each token. */
export function chatLogprobs(tokens: readonly NamedToken[]): object {
  const entry = ({ text, bytes, logprob = 0 }: Pick<NamedToken, 'text' | 'bytes' | 'logprob'>): object => {
    return { token: text, bytes, logprob };
  };
  return {
    content: tokens.map((token) => ({ ...entry(token), top_logprobs: token.top.map(entry) })),
    refusal: null,
  };
}
