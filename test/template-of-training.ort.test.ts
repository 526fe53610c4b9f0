import { copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTokenizerFor } from '../src/cli/adapter-tokenizer.ts';
import { sourcedAdapter } from '../src/library/sourced-adapter.ts';
import { openBaseModel } from '../src/models/index.ts';
import { openEnvironment } from '../src/onnxruntime/index.ts';
import { FileSource } from '../src/routing/store/file-source.ts';
import { typedArray } from '../src/tensor/index.ts';
import { AdapterTokenizers, openTokenizer, type Tokenizer } from '../src/tokenizer/index.ts';
import { readTrainingInputs, resolveConfig, runTraining } from '../src/train/index.ts';

const demo = fileURLToPath(new URL('../demo/base', import.meta.url));
const turns = (name: string): string =>
  `${name}:{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}`;
const messages = [{ role: 'user', content: 'Lock my CARD.' }];

let root: string;
let adapters: string;
let base: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-'));
  [base, adapters] = [join(root, 'base'), join(root, 'adapters')];
  await Promise.all([base, adapters].map((folder) => mkdir(folder)));
  const config = JSON.parse(await readFile(join(demo, 'tokenizer_config.json'), 'utf8')) as Record<string, unknown>;
  for (const name of ['config.json', 'tokenizer.json']) await copyFile(join(demo, name), join(base, name));
  await symlink(join(demo, 'model.safetensors'), join(base, 'model.safetensors'));
  config['chat_template'] = ['default', 'brief'].map((name) => ({ name, template: turns(name) }));
  await writeFile(join(base, 'tokenizer_config.json'), JSON.stringify(config));
  await writeFile(join(root, 'file.jinja'), turns('file'));
  await writeFile(
    join(root, 'rows.jsonl'),
    JSON.stringify({ messages: [...messages, { role: 'assistant', content: 'Yes' }] }),
  );
  await train('plain');
  await cp(join(adapters, 'plain'), join(adapters, 'own'), { recursive: true });
  await writeFile(join(adapters, 'own', 'chat_template.jinja'), turns('own'));
  await cp(join(adapters, 'own'), join(adapters, 'lower'), { recursive: true });
  const tokenizer = JSON.parse(await readFile(join(demo, 'tokenizer.json'), 'utf8')) as object;
  const lower = JSON.stringify({ ...tokenizer, normalizer: { type: 'Lowercase' } });
  await writeFile(join(adapters, 'lower', 'tokenizer.json'), lower);
  await writeFile(join(adapters, 'lower', 'tokenizer_config.json'), JSON.stringify(config));
});
afterAll(() => rm(root, { recursive: true }));

/** Trains one step. @returns the tokens of the row, as far as they are computed */
async function train(name: string, flags: object = {}): Promise<number[]> {
  const output = join(adapters, name);
  const fixed = { base, data: join(root, 'rows.jsonl'), output, maxSteps: 1, targetModules: ['q_proj'] };
  const config = resolveConfig({ flags: { ...fixed, ...flags } });
  using environment = openEnvironment({ threads: 1 });
  await runTraining(config, { environment });
  await using inputs = await readTrainingInputs(config, {});
  for await (const { feeds } of inputs.data.batches(1)) {
    const ids = feeds.get('input_ids');
    if (ids !== undefined) return Array.from(typedArray(ids), Number);
  }
  throw new Error('no row came');
}

async function opened(): Promise<{ readonly plain: Tokenizer; readonly tokenizers: AdapterTokenizers }> {
  const plain = await openTokenizer(base);
  if (plain === undefined) throw new Error('the base has a tokenizer');
  return { plain, tokenizers: new AdapterTokenizers({ folder: base, tokenizer: plain }) };
}

/** The prompt of the messages, as each way of asking the adapter makes it. */
async function prompts(name: string): Promise<Record<string, number[]>> {
  const model = await openBaseModel(base);
  const { plain, tokenizers } = await opened();
  const source = await new FileSource(name, { folder: adapters, linears: model.modules, tokenizers }).read();
  const call = await sourcedAdapter(join(adapters, name), model.modules, { tokenizers });
  const spec = { adapter: [{ path: join(adapters, name), scale: 1 }], template: 'adapter' } as const;
  const prompt = (own: Tokenizer | undefined): number[] =>
    (own ?? plain).encodeChat(messages, { addGenerationPrompt: true });
  return {
    server: prompt(await source.openTokenizer?.()),
    library: prompt(await call.openTokenizer?.()),
    command: prompt(await openTokenizerFor(spec, model, { note: () => undefined })),
  };
}

describe('an adapter is asked with the tokens that it was trained on', () => {
  it.each<[case_: string, flags: Record<string, unknown>, rendered: string]>([
    ['without options', {}, 'default:<|user|>Lock my CARD.<|end|><|assistant|>'],
    ['with a template in a file', { chatTemplate: 'file.jinja' }, 'file:<|user|>Lock my CARD.<|end|><|assistant|>'],
    ["with a template of the base's", { chatTemplate: 'brief' }, 'brief:<|user|>Lock my CARD.<|end|><|assistant|>'],
    ['further, with its own template', { initAdapter: 'own' }, 'own:<|user|>Lock my CARD.<|end|><|assistant|>'],
    [
      "further, with the base's",
      { initAdapter: 'own', template: 'base' },
      'default:<|user|>Lock my CARD.<|end|><|assistant|>',
    ],
    [
      'further, with a template in a file',
      { initAdapter: 'own', chatTemplate: 'file.jinja' },
      'file:<|user|>Lock my CARD.<|end|><|assistant|>',
    ],
    ['further, with its own tokenizer', { initAdapter: 'lower' }, 'own:<|user|>lock my card.<|end|><|assistant|>'],
    [
      'further, with its own tokenizer and a template in a file',
      { initAdapter: 'lower', chatTemplate: 'file.jinja' },
      'file:<|user|>lock my card.<|end|><|assistant|>',
    ],
  ])('%s', async (name, flags, rendered) => {
    const { initAdapter, chatTemplate } = flags;
    const trained = await train(name, {
      ...flags,
      ...(initAdapter !== undefined && { initAdapter: join(adapters, String(initAdapter)) }),
      ...(chatTemplate === 'file.jinja' && { chatTemplate: join(root, 'file.jinja') }),
    });
    const asked = await prompts(name);
    const { plain } = await opened();
    const before = plain.encode(rendered).length;
    expect(plain.decode(trained.slice(0, before), { skipSpecial: false })).toBe(rendered);
    const same = trained.slice(0, before);
    expect(asked).toEqual({ server: same, library: same, command: same });
  });

  it('trained again in its own place, and whole models carry their template too', async () => {
    await train('again', { initAdapter: join(adapters, 'own') });
    await mkdir(join(adapters, 'again', 'additional_chat_templates'));
    await writeFile(join(adapters, 'again', 'additional_chat_templates', 'tool_use.jinja'), turns('tools'));
    await train('again', { initAdapter: join(adapters, 'own'), force: true });
    const options = { full: true, targetModules: undefined, chatTemplate: join(root, 'file.jinja') };
    await train('../whole', options);
    const whole = await openTokenizer(join(root, 'whole'));
    const text = whole?.renderChat(messages, { addGenerationPrompt: true, tools: [{}] });
    expect(text).toBe('file:<|user|>Lock my CARD.<|end|><|assistant|>');
  });
});
