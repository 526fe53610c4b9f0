import type { BaseModel } from '../models/index.ts';
import { AdapterTokenizers, openTokenizer, type Tokenizer } from '../tokenizer/index.ts';
import type { AdapterSpec } from './load-adapters.ts';
import type { Output } from './output.ts';

export interface TokenizerChoice {
  readonly adapter: readonly AdapterSpec[];
  /** Stands in the place of any other template. */
  readonly chatTemplate?: string | undefined;
  readonly template: 'base' | 'adapter';
}

/**
 * The tokenizer of a single adapter, where its folder has a template or a tokenizer of its own, which is said; else the base's.
 * @throws EspalierError the errors of `openTokenizer`
 */
export async function openTokenizerFor(
  { adapter, chatTemplate, template }: TokenizerChoice,
  base: BaseModel,
  { note }: Pick<Output, 'note'>,
): Promise<Tokenizer | undefined> {
  const tokenizer = await openTokenizer(base.dir, { chatTemplate });
  const [only, ...others] = adapter;
  const asked = template === 'adapter' && chatTemplate === undefined;
  if (!asked || tokenizer === undefined || only === undefined || others.length > 0) return tokenizer;
  const own = await new AdapterTokenizers({ folder: base.dir, tokenizer }).open(only.path);
  if (own === undefined) return tokenizer;
  note(`${only.path} brings a chat template or a tokenizer of its own, which is used. --template base uses the base's`);
  return own;
}
