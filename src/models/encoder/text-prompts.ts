import { join } from 'node:path';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { parseWith } from '../parse-with.ts';
import { readJsonIfPresent } from '../read-json.ts';

/** What stands before a text that is embedded, by the names of sentence-transformers. */
export interface TextPrompts {
  readonly named: ReadonlyMap<string, string>;
  /** The name of the prompt of a text for which none is chosen. */
  readonly defaultName: string | undefined;
}

/** What a text is, by the words of several APIs. */
export const inputTypes = ['query', 'document', 'passage', 'search_query', 'search_document'] as const;

export interface PromptChoice {
  /** The name of a prompt. */
  readonly name?: string | undefined;
  /** What the text is. */
  readonly type?: (typeof inputTypes)[number] | undefined;
}

const promptsJson = z.looseObject({
  prompts: z.record(z.string(), z.string()).nullish(),
  default_prompt_name: z.string().nullish(),
});

/**
 * Reads the prompts in `config_sentence_transformers.json`; undefined if there are none.
 * @throws EspalierError MODEL_CONFIG_INVALID, also if the default names no prompt
 */
export async function readTextPrompts(dir: string): Promise<TextPrompts | undefined> {
  const path = join(dir, 'config_sentence_transformers.json');
  const json = await readJsonIfPresent(path);
  if (json === undefined) return undefined;
  const { prompts, default_prompt_name: given } = parseWith(promptsJson, json, path);
  const named = new Map(Object.entries(prompts ?? {}));
  const defaultName = given ?? undefined;
  if (defaultName !== undefined && !named.has(defaultName)) {
    const problems = `default_prompt_name is ${defaultName}, which is none of its prompts (${listOf(named)})`;
    throw new EspalierError('MODEL_CONFIG_INVALID', { path, problems });
  }
  return named.size === 0 ? undefined : { named, defaultName };
}

/**
 * Chooses what stands before a text: the prompt of a name, or of what the text is, or the default. For a kind of text without a prompt
 * nothing stands before it: many models have prompts for queries alone.
 *
 * @returns the prompt, or why there is none of that name
 */
export function choosePrompt(
  prompts: TextPrompts | undefined,
  { name, type }: PromptChoice,
): { readonly prompt: string } | { readonly problem: string } {
  if (name !== undefined && type !== undefined) {
    return { problem: 'a name and a type of text would choose two prompts, give one of them' };
  }
  const { named = new Map<string, string>(), defaultName } = prompts ?? {};
  if (name !== undefined) {
    const prompt = named.get(name);
    if (prompt !== undefined) return { prompt };
    return { problem: `the base has no prompt ${name}, it has ${listOf(named)}` };
  }
  if (type === undefined) return { prompt: defaultName === undefined ? '' : (named.get(defaultName) ?? '') };
  const isQuery = type === 'query' || type === 'search_query';
  const names = isQuery ? ['query', 'search_query'] : ['document', 'passage', 'search_document'];
  const found = names.find((each) => named.has(each));
  return { prompt: found === undefined ? '' : (named.get(found) ?? '') };
}

function listOf(named: ReadonlyMap<string, string>): string {
  return [...named.keys()].join(', ') || 'none';
}
