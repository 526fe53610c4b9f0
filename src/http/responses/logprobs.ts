import type { NamedToken } from '../../answering/index.ts';

type Named = Pick<NamedToken, 'text' | 'bytes' | 'logprob'>;

/** The log-probabilities of a token, in the form of the Responses API. */
export function tokenLogprobs(token: NamedToken): object {
  return { ...entry(token), top_logprobs: token.top.map(entry) };
}

function entry({ text, bytes, logprob = 0 }: Named): object {
  // WHY no null: OpenAI's clients take a list here.
  return { token: text, bytes: bytes ?? [], logprob };
}
