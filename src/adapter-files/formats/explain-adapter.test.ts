import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { goldenFolder } from '../testing/golden-linears.ts';
import { detectFormat } from './detect-format.ts';
import { readAdapter } from './read-adapter.ts';
import { settled } from '../testing/settled.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-explain-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function told(path: string): Promise<string> {
  const error: unknown = await readAdapter(path, settled).catch((reason: unknown) => reason);
  return error instanceof EspalierError ? `${error.code} ${error.commandLineMessage}` : String(error);
}

const peft = '{"peft_type":"LORA","r":1,"target_modules":["q_proj"]}';
const mlx = '{"adapter_path":"a","fine_tune_type":"lora","lora_parameters":{"rank":8,"scale":20.0},"num_layers":4}';

async function holding(files: Readonly<Record<string, string>>): Promise<string> {
  const path = await mkdtemp(join(folder, 'case-'));
  for (const [file, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, file)), { recursive: true });
    await writeFile(join(path, file), content, 'latin1');
  }
  return path;
}

describe('what is no adapter that can be read', () => {
  it.each<[string, Record<string, string>, string, RegExp]>([
    [
      'a pickle',
      { 'adapter_config.json': peft, 'adapter_model.bin': 'PK' },
      '',
      /adapter_model\.bin, a pickle\. .*save_pretrained/,
    ],
    ['the pickle itself', { 'adapter_model.bin': 'PK\x03\x04zip' }, 'adapter_model.bin', /it is a pickle/],
    ['a bare pickle', { 'adapter.pt': '\x80\x02ctorch' }, 'adapter.pt', /it is a pickle/],
    ['MLX', { 'adapter_config.json': mlx, 'adapters.safetensors': '' }, '', /adapter of MLX\. .*mlx_lm\.fuse/],
    ['weights of MLX alone', { 'adapters.safetensors': '' }, '', /adapter of MLX/],
    ['the file of MLX', { '0000100_adapters.safetensors': '' }, '0000100_adapters.safetensors', /adapter of MLX/],
    ['a GGUF file inside', { 'lora.gguf': 'GGUF' }, '', /lora\.gguf, a GGUF file\. Name the file: .*lora\.gguf\./],
    ['a GGUF file beside a configuration', { 'adapter_config.json': peft, 'x-f16.gguf': 'GGUF' }, '', /Name the file/],
    ['a base', { 'config.json': '{}', 'model.safetensors': '' }, '', /it is a base model\. .*with --base\./],
    [
      'weights of a base',
      { 'config.json': '{}', 'model.safetensors': '' },
      'model.safetensors',
      /weights without a config/,
    ],
    ['weights without configuration', { 'adapter_model.safetensors': '' }, '', /without adapter_config\.json\. Copy/],
    [
      'weights in parts',
      { 'adapter_config.json': peft, 'adapter_model-00001-of-00002.safetensors': '' },
      '',
      /in parts/,
    ],
    [
      'a training with checkpoints',
      { 'checkpoint-9/adapter_config.json': peft, 'checkpoint-10/adapter_config.json': peft, 'log.txt': '' },
      '',
      /inside \(checkpoint-9, checkpoint-10\)\. Name one of them, such as .*checkpoint-10\./,
    ],
  ])('is told for %s, with what to do', async (_, files, name, expected) => {
    expect(await told(join(await holding(files), name))).toMatch(expected);
    expect(await told(join(await holding(files), name))).toMatch(/^ADAPTER_FORM_FOREIGN /);
  });

  it('stays plain where nothing explains it', async () => {
    expect(await told(await holding({}))).toMatch(/^ADAPTER_FORMAT_UNKNOWN .*a folder without adapter_config\.json/);
    expect(await told(await holding({ 'adapter_config.json': peft }))).toMatch(/^FILE_NOT_FOUND /);
    expect(await told(join(await holding({ 'a.txt': 'text' }), 'a.txt'))).toMatch(/^ADAPTER_FORMAT_UNKNOWN /);
    expect(await told(await holding({ 'adapter_config.json': '{"r":1}' }))).toMatch(/^LORA_CONFIG_INVALID /);
  });

  it('is not said of one file of a whole adapter: its folder is read', async () => {
    const path = join(folder, 'whole');
    await cp(goldenFolder('llama', 'trained'), path, { recursive: true });
    const { digest } = await readAdapter(path, settled);
    for (const name of ['adapter_model.safetensors', 'adapter_config.json']) {
      expect(await readAdapter(join(path, name), settled)).toMatchObject({ format: 'peft', digest });
      expect(await detectFormat(join(path, name), settled)).toBe('peft');
    }
  });
});
