import { adapterFolder } from '../adapter-files/index.ts';
import { basePath, type BaseModel } from '../models/index.ts';
import { chooseTokenizer, type Tokenizer } from '../tokenizer/index.ts';
import type { AdapterSpec } from './load-adapters.ts';
import type { Output } from './output.ts';

export interface TokenizerOptions {
  readonly adapter: readonly AdapterSpec[];
  readonly chatTemplate?: string | undefined;
  readonly template: 'base' | 'adapter';
}

/**
 * The tokenizer of a single adapter, where its folder has a template or a tokenizer of its own, which is said; else the base's.
 * @throws EspalierError the errors of `chooseTokenizer`
 */
export async function openTokenizerFor(
  { adapter, chatTemplate, template }: TokenizerOptions,
  base: BaseModel,
  { note }: Pick<Output, 'note'>,
): Promise<Tokenizer | undefined> {
  const [only, ...others] = adapter;
  const single = only === undefined || others.length > 0 ? undefined : await adapterFolder(only.path);
  const { tokenizer, whose } = await chooseTokenizer({ base: basePath(base), adapter: single, chatTemplate, template });
  if (whose === 'adapter') {
    const text = 'brings a chat template or a tokenizer of its own, which is used';
    note(`${only?.path} ${text}. --template base uses the base's`);
  }
  return tokenizer;
}
