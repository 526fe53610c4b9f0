import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatOnnxAdapter } from '../../adapter-files/index.ts';
import { tensorOf } from '../../tensor/index.ts';
import { espalier, goldenFolder } from '../testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const golden = goldenFolder('llama');

async function convert(...words: string[]): Promise<unknown> {
  const { exitCode, stdout, stderr } = await espalier(['adapter', 'convert', ...words, '--json']);
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  return JSON.parse(stdout);
}

describe('espalier adapter convert', () => {
  it('goes from PEFT to .onnx_adapter to .bin and back, each told by its content', async () => {
    const [onnx, bin, peft] = ['a.onnx_adapter', 'b.bin', 'c'].map((name) => join(folder, name));
    const base = ['--base', join(golden, 'model')];
    const modules = 14;
    expect(await convert(join(golden, 'adapter'), onnx ?? '')).toEqual({
      from: 'peft',
      to: 'onnx',
      output: onnx,
      modules,
    });
    expect(await convert(onnx ?? '', bin ?? '', ...base)).toMatchObject({ from: 'onnx', to: 'bin', modules });
    expect(await convert(bin ?? '', peft ?? '', ...base)).toMatchObject({ from: 'bin', to: 'peft', modules });
    const config: unknown = JSON.parse(await readFile(join(peft ?? '', 'adapter_config.json'), 'utf8'));
    expect(config).toMatchObject({ peft_type: 'LORA', r: 4, lora_alpha: 4 });
  });

  it('takes names of a graph from a file', async () => {
    const parameters = new Map([
      ['left', tensorOf('float32', [4, 1], [1, 2, 3, 4])],
      ['right', tensorOf('float32', [1, 4], [5, 6, 7, 8])],
    ]);
    const input = join(folder, 'in.onnx_adapter');
    await writeFile(input, formatOnnxAdapter({ adapterVersion: 1, modelVersion: 1, parameters }));
    const refused = await espalier(['adapter', 'convert', input, join(folder, 'out')]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain('left follows no known naming');
    const names = join(folder, 'names.json');
    await writeFile(names, JSON.stringify({ 'net.linear': { A: 'left', B: 'right' } }));
    expect(await convert(input, join(folder, 'out'), '--names', names)).toMatchObject({ to: 'peft', modules: 1 });
  });

  it('pairs names that end in _a and _b, and writes them again', async () => {
    const parameters = new Map([
      ['lora_param_a', tensorOf('float32', [4, 1], [1, 2, 3, 4])],
      ['lora_param_b', tensorOf('float32', [1, 4], [5, 6, 7, 8])],
    ]);
    const input = join(folder, 'plain.onnx_adapter');
    await writeFile(input, formatOnnxAdapter({ adapterVersion: 1, modelVersion: 1, parameters }));
    const [bin, again] = [join(folder, 'plain.bin'), join(folder, 'again.onnx_adapter')];
    await convert(input, bin);
    await convert(bin, again);
    expect(await readFile(again)).toEqual(await readFile(input));
  });

  it('writes over nothing without --force', async () => {
    const output = join(folder, 'there.bin');
    await writeFile(output, 'mine');
    const words = ['adapter', 'convert', join(golden, 'adapter'), output];
    expect((await espalier(words)).stderr).toContain(output);
    expect(await readFile(output, 'utf8')).toBe('mine');
    expect((await espalier([...words, '--force'])).exitCode).toBe(0);
  });

  it('replaces no folder of other work, nor a base, with --force', async () => {
    for (const [name, file] of [
      ['letters', 'letter.txt'],
      ['base', 'config.json'],
    ] as const) {
      const output = join(folder, name);
      await mkdir(output);
      await writeFile(join(output, file), '{}');
      for (const to of ['peft', 'bin']) {
        const words = ['adapter', 'convert', join(golden, 'adapter'), output, '--to', to, '--force'];
        expect((await espalier(words)).stderr).toContain('[OUTPUT_NOT_OURS]');
      }
      expect(await readdir(output)).toEqual([file]);
    }
  });

  it('takes the ending of a format that is not written for no folder', async () => {
    const output = join(folder, 'mine.gguf');
    const { exitCode, stderr } = await espalier(['adapter', 'convert', join(golden, 'adapter'), output]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('or --to');
    expect(await readdir(folder)).not.toContain('mine.gguf');
  });

  it('names its own help after a wrong option', async () => {
    const { exitCode, stderr } = await espalier(['adapter', 'convert', 'a', 'b', '--tow', 'bin']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('espalier adapter convert --help');
    expect((await espalier(['adapter'])).exitCode).toBe(2);
  });
});
