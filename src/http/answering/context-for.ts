import type { GenerationRoute, ServingContext } from '../../service/index.ts';

/** The context of a request: with the tokenizer that was loaded with the version that it leases, where the adapter brings its own. */
export function contextFor(context: ServingContext, { leases }: Pick<GenerationRoute, 'leases'>): ServingContext {
  const tokenizer = leases[0]?.tokenizer;
  if (tokenizer === undefined) return context;
  return { ...context, tokenizer, eosTokenIds: [...new Set([...context.eosTokenIds, ...tokenizer.eosIds])] };
}
