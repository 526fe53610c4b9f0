import type { ServingContext } from '../../service/index.ts';

/** The context of a request: with the tokenizer of its adapter, where the adapter's folder has a template or a tokenizer of its own. */
export async function contextFor(context: ServingContext, model: string): Promise<ServingContext> {
  const tokenizer = await (context.tokenizers?.of(model) ?? context.tokenizer);
  if (tokenizer === undefined || tokenizer === context.tokenizer) return context;
  return { ...context, tokenizer, eosTokenIds: [...new Set([...context.eosTokenIds, ...tokenizer.eosIds])] };
}
