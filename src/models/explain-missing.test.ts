import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EspalierError } from '../core/index.ts';
import { openBaseModel } from './open-base-model.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-missing-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function told(path: string): Promise<string> {
  const error: unknown = await openBaseModel(path).catch((reason: unknown) => reason);
  return error instanceof EspalierError ? error.commandLineMessage.replaceAll(folder, '') : String(error);
}

async function holding(files: readonly string[]): Promise<string> {
  const path = await mkdtemp(join(folder, 'case-'));
  for (const file of files) {
    await mkdir(dirname(join(path, file)), { recursive: true });
    await writeFile(join(path, file), '{}');
  }
  return path;
}

describe('a path at which no base lies', () => {
  it('is taken for a name on the hub where it looks like one', async () => {
    expect(await told('Qwen/Qwen3-0.6B')).toBe(
      'No base model at Qwen/Qwen3-0.6B: nothing is there. For the model of this name on the hub, write hf:Qwen/Qwen3-0.6B.',
    );
    expect(await told(join(folder, 'none'))).toBe('No base model at /none: nothing is there. Check the path.');
  });

  it.each<[string, readonly string[], string, RegExp]>([
    [
      'an adapter',
      ['adapter_config.json'],
      '',
      /it is an adapter\. Name the base that it was trained on, and the adapter with --adapter/,
    ],
    ['the weights of an adapter', ['adapter_model.safetensors'], 'adapter_model.safetensors', /the file of an adapter/],
    ['weights', ['config.json', 'model.safetensors'], 'model.safetensors', /a file of weights\. Name its folder/],
    ['a GGUF file that is none', ['model.Q4_K_M.gguf'], 'model.Q4_K_M.gguf', /no valid|not a valid GGUF file/],
    [
      'a folder with two GGUF files',
      ['a.gguf', 'b.gguf'],
      '',
      /several models, a\.gguf, b\.gguf; name one of these files/,
    ],
    ['a pickle', ['pytorch_model.bin'], 'pytorch_model.bin', /it is a pickle\. Espalier runs no pickles/],
    ['some file', ['notes.txt'], 'notes.txt', /it is a file\. Name the folder of a checkpoint/],
    ['an empty folder', [], '', /no config\.json\. Download the whole checkpoint/],
    ['the folder above a model', ['last/config.json'], '', /A model lies in \S+\/last\./],
    [
      'variants of a graph',
      ['onnx/model_q4.onnx', 'onnx/model_fp16.onnx'],
      '',
      /onnx\/model_fp16\.onnx, onnx\/model_q4\.onnx: name one/,
    ],
  ])('says that it is %s', async (_, files, name, expected) => {
    expect(await told(join(await holding(files), name))).toMatch(expected);
  });

  it('names what a folder with a configuration has in the place of safetensors', async () => {
    const config = JSON.stringify({
      model_type: 'gpt2',
      architectures: ['GPT2LMHeadModel'],
      vocab_size: 8,
      n_embd: 4,
      n_layer: 1,
      n_head: 1,
    });
    for (const [file, expected] of [
      ['pytorch_model.bin', /There is a pickle/],
      ['onnx/model_int8.onnx', /There are onnx\/model_int8\.onnx/],
    ] as const) {
      const path = await holding([file]);
      await writeFile(join(path, 'config.json'), config);
      expect(await told(path)).toMatch(expected);
    }
  });
});
