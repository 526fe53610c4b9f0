import { endTokenIds, type GenerationRoute } from '../service/index.ts';
import type { AnswerContext } from './answer-context.ts';

/**
 * The context of a request: with the tokenizer that was loaded with the version that it leases, where the adapter brings its own. WHY the
 * base's for a mixture: its adapters may have been trained on prompts of different forms.
 */
export function contextFor<Context extends Pick<AnswerContext, 'tokenizer' | 'eosTokenIds'>>(
  context: Context,
  { leases }: Pick<GenerationRoute, 'leases'>,
): Context {
  const tokenizer = leases.length === 1 ? leases[0]?.tokenizer : undefined;
  if (tokenizer === undefined) return context;
  return { ...context, tokenizer, eosTokenIds: endTokenIds(context.eosTokenIds, tokenizer) };
}
