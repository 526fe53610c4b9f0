import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { withTempDir } from '../testing/fixtures.ts';
import { choosePrompt, readTextPrompts, type TextPrompts } from './text-prompts.ts';

function read(json: unknown): Promise<TextPrompts | undefined> {
  return withTempDir(async (dir) => {
    if (json !== undefined) await writeFile(join(dir, 'config_sentence_transformers.json'), JSON.stringify(json));
    return readTextPrompts(dir);
  });
}

describe('readTextPrompts', () => {
  it('reads names, texts and the default', async () => {
    const prompts = { query: 'query: ', passage: 'passage: ' };
    expect(await read({ prompts, default_prompt_name: 'passage', similarity_fn_name: 'cosine' })).toEqual({
      named: new Map(Object.entries(prompts)),
      defaultName: 'passage',
    });
  });

  it.each([undefined, {}, { prompts: {}, default_prompt_name: null }])('gives nothing for %j', async (json) => {
    expect(await read(json)).toBeUndefined();
  });

  it.each([{ prompts: { query: 3 } }, { prompts: { query: 'q' }, default_prompt_name: 'passage' }])(
    'refuses %j',
    async (json) => {
      await expect(read(json)).rejects.toMatchObject({ code: 'MODEL_CONFIG_INVALID' });
    },
  );
});

describe('choosePrompt', () => {
  const named = new Map([
    ['query', 'query: '],
    ['passage', 'passage: '],
    ['sts', 'same? '],
  ]);

  it.each([
    [{}, 'passage: '],
    [{ name: 'sts' }, 'same? '],
    [{ type: 'query' }, 'query: '],
    [{ type: 'search_query' }, 'query: '],
    [{ type: 'document' }, 'passage: '],
    [{ type: 'passage' }, 'passage: '],
  ] as const)('finds for %j the prompt "%s"', (choice, prompt) => {
    expect(choosePrompt({ named, defaultName: 'passage' }, choice)).toEqual({ prompt });
  });

  it('puts nothing before a text where the base has no prompt for it', () => {
    expect(choosePrompt(undefined, { type: 'query' })).toEqual({ prompt: '' });
    expect(choosePrompt({ named, defaultName: undefined }, {})).toEqual({ prompt: '' });
  });

  it('says which names there are, and that one choice is enough', () => {
    expect(choosePrompt({ named, defaultName: undefined }, { name: 'web' })).toEqual({
      problem: 'the base has no prompt web, it has query, passage, sts',
    });
    expect(choosePrompt(undefined, { name: 'query', type: 'query' })).toHaveProperty('problem');
  });
});
