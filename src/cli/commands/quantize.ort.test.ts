import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openBaseModel } from '../../models/index.ts';
import { dequantizeBase, quantizationOf } from '../../quantize/index.ts';
import { espalier, goldenFolder, writeGoldenRows } from '../testing/run-espalier.ts';

let folder: string;
let data: string;
const golden = goldenFolder('llama');
const base = join(golden, 'model');

const schemes = [
  { name: '8', words: ['--bits', '8'] },
  { name: '4', words: ['--bits', '4', '--block-size', '16'] },
  { name: 'int8', words: ['--int8'] },
];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-quantize-'));
  data = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
  for (const { name, words } of schemes) {
    await espalier(['quantize', '--base', base, '--output', join(folder, name), ...words]);
    await dequantizeBase(await openBaseModel(join(folder, name)), join(folder, `${name}-floats`));
  }
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

async function answer(words: readonly string[]): Promise<unknown> {
  return JSON.parse((await espalier([...words, '--json'])).stdout);
}

async function lossTrace(name: string, ...more: string[]): Promise<number[]> {
  const output = join(folder, ['trained', name, ...more].join(''));
  const words = ['train', '--base', join(folder, name), '--data', data, '--output', output, '--max-steps', '10'];
  const { exitCode, stderr } = await espalier([...words, '--learning-rate', '0.01', '--seed', '3', ...more]);
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
  const lines = (await readFile(join(output, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines.map((line) => Number((JSON.parse(line) as { loss: number }).loss));
}

describe('espalier quantize', () => {
  it('tells sizes, and the perplexity before and after', async () => {
    const words = ['quantize', '--base', base, '--output', join(folder, 'told'), '--bits', '8', '--file', data];
    const told = (await answer(words)) as Record<string, number>;
    expect(told).toMatchObject({ quantized: 16, kept: 5, bytesBefore: 107_136 });
    expect((told['bytesAfter'] ?? 0) / 107_136).toBeLessThan(0.3);
    const change = (told['perplexityAfter'] ?? 0) / (told['perplexityBefore'] ?? 0);
    expect(Math.abs(change - 1)).toBeLessThan(0.005);
    expect(told['tokens']).toBeGreaterThan(20);
  });

  it('keeps what it is told to', async () => {
    const output = join(folder, 'kept');
    await espalier(['quantize', '--base', base, '--output', output, '--keep', 'lm_head', '--keep', 'down_proj']);
    const { weights } = await openBaseModel(output);
    const floats = [...weights].filter(([, { quantized }]) => quantized === undefined).map(([name]) => name);
    expect(floats.filter((name) => /lm_head|down_proj/.test(name))).toHaveLength(3);
    expect((await espalier(['inspect', output])).stdout).toMatch(/dtypes +8 bits, float32/);
  });

  it.each([
    { words: ['--bits', '5'], code: 'CLI_BAD_VALUE' },
    { words: ['--block-size', '48'], code: 'CLI_BAD_VALUE' },
    { words: ['--int8', '--bits', '4'], code: 'CLI_CONFLICT' },
    { words: ['--int8', '--fastest'], code: 'CLI_CONFLICT' },
    { words: ['--bits', '4', '--fastest'], code: 'CLI_CONFLICT' },
    { words: ['--text', '/none'], code: 'CLI_CONFLICT' },
    { words: ['--keep', 'lm_haed'], code: 'QUANTIZE_KEEP_UNMATCHED' },
  ])('refuses $words with $code, and writes nothing', async ({ words, code }) => {
    const output = join(folder, 'refused');
    const given = ['quantize', '--base', base, '--output', output, ...words];
    expect(await answer(given)).toMatchObject({ error: { code } });
    await expect(readFile(join(output, 'config.json'))).rejects.toThrow('ENOENT');
  });

  it('refuses to quantize twice, and to write over something', async () => {
    const twice = ['quantize', '--base', join(folder, '8'), '--output', join(folder, 'twice')];
    expect(await answer(twice)).toMatchObject({ error: { code: 'QUANTIZE_UNSUPPORTED' } });
    const over = ['quantize', '--base', base, '--output', join(folder, '8')];
    expect(await answer(over)).toMatchObject({ error: { code: 'OUTPUT_EXISTS' } });
  });

  it('writes by --fastest the form that was measured to be the fastest here', async () => {
    vi.stubEnv('XDG_CACHE_HOME', join(folder, 'caches'));
    const known = (await answer(['inspect', '--kernels'])) as { path: string; speeds: { form: string }[] };
    for (const [form, name] of [
      ['int8', 'int8'],
      ['8-bit blocks', '8'],
    ] as const) {
      const speeds = known.speeds.map((one) => ({ ...one, decode: one.form === form ? 9 : 1, prefill: 1 }));
      await writeFile(known.path, JSON.stringify({ ...known, speeds }));
      const output = join(folder, `fastest-${name}`);
      await espalier(['quantize', '--base', base, '--output', output, '--fastest']);
      const written = await readFile(join(output, 'model.safetensors'));
      expect(written.equals(await readFile(join(folder, name, 'model.safetensors')))).toBe(true);
    }
  });

  it('leaves nothing behind at Ctrl-C', async () => {
    const { exitCode } = await espalier(
      ['quantize', '--base', base, '--output', join(folder, 'aborted')],
      AbortSignal.abort(new DOMException('Interrupted.', 'AbortError')),
    );
    expect(exitCode).toBe(130);
    await expect(readFile(join(folder, 'aborted', 'config.json'))).rejects.toThrow('ENOENT');
  });
});

describe.each(schemes)('a base of $name', ({ name }) => {
  it('is trained as the floats that it stands for', async () => {
    const exact = await lossTrace(name, '--exact-products');
    const floats = await lossTrace(`${name}-floats`);
    expect(exact.at(-1)).toBeLessThan(0.8 * (exact[0] ?? 0));
    exact.forEach((loss, i) => expect(Math.abs(loss - (floats[i] ?? 0))).toBeLessThan(1e-4));
    const rounded = await lossTrace(name);
    rounded.forEach((loss, i) => expect(Math.abs(loss - (floats[i] ?? 0))).toBeLessThan(1e-2));
    expect(rounded).not.toEqual(name === 'int8' ? exact : []);
  });

  it('is not itself trained', async () => {
    const words = ['train', '--base', join(folder, name), '--data', data, '--output', join(folder, 'full'), '--full'];
    expect(await answer(words)).toMatchObject({ error: { code: 'MODEL_QUANTIZED' } });
  });

  it('takes an adapter into its weights, and stays what it is', async () => {
    const output = join(folder, `merged-${name}`);
    const words = ['adapter', 'merge', '--base', join(folder, name), '--adapter', join(golden, 'trained')];
    const told = (await answer([...words, '--output', output])) as { changed: number; drift: { max: number } };
    expect(told).toMatchObject({ changed: 14, bound: 1 });
    expect(told.drift.max).toBeGreaterThan(0);
    const [before, after] = [await openBaseModel(join(folder, name)), await openBaseModel(output)];
    expect(quantizationOf(after)).toEqual(quantizationOf(before));
    const refused = [...words, '--output', join(folder, 'refused'), '--max-drift', '1e-6'];
    expect(await answer(refused)).toMatchObject({ error: { code: 'MERGE_DRIFT' } });
    expect((await readdir(folder)).filter((file) => file.startsWith('.') || file === 'refused')).toEqual([]);
  });

  it('continues text with stacked adapters, near what the floats say', async () => {
    const words = ['--input-ids', '1,2,3,4,5', '--max-tokens', '6', '--adapter', `${join(golden, 'trained')}=0.5`];
    const more = ['--adapter', join(golden, 'adapter')];
    const generate = (from: string): Promise<unknown> => answer(['generate', '--base', from, ...words, ...more]);
    const expected = (await generate(join(folder, `${name}-floats`))) as { tokens: number[] };
    const actual = (await generate(join(folder, name))) as { tokens: number[] };
    expect(actual.tokens).toHaveLength(6);
    expect(actual.tokens.slice(0, 2)).toEqual(expected.tokens.slice(0, 2));
    const score = async (from: string): Promise<number> =>
      Number(((await answer(['score', '--base', from, '--input-ids', '1,2,3,4,5', ...more])) as { nll: number }).nll);
    expect(Math.abs((await score(join(folder, name))) - (await score(join(folder, `${name}-floats`))))).toBeLessThan(
      0.02,
    );
  });
});

describe('a hostile quantized checkpoint', () => {
  it.each([
    { what: 'another tool', change: { quant_method: 'gptq', bits: 4 }, code: 'MODEL_FEATURE_UNSUPPORTED' },
    { what: 'no tool', change: { bits: 4 }, code: 'MODEL_FEATURE_UNSUPPORTED' },
    { what: 'blocks of no power of two', change: { block_size: 48 }, code: 'MODEL_CONFIG_INVALID' },
    { what: 'other blocks than there are', change: { block_size: 64 }, code: 'MODEL_WEIGHTS_MISMATCH' },
    { what: 'blocks without end', change: { block_size: 1e12 }, code: 'MODEL_CONFIG_INVALID' },
    { what: 'a later format', change: { format: 2 }, code: 'MODEL_CONFIG_INVALID' },
    { what: 'more than is known', change: { desc_act: true }, code: 'MODEL_CONFIG_INVALID' },
    { what: 'nothing', change: undefined, code: 'MODEL_WEIGHTS_MISMATCH' },
  ])('is refused when its configuration names $what', async ({ change, code }) => {
    const path = join(folder, '8', 'config.json');
    const text = await readFile(path, 'utf8');
    const config = JSON.parse(text) as { quantization_config: object };
    const before =
      'quant_method' in (change ?? {}) || change === undefined || 'bits' in change ? {} : config.quantization_config;
    const quantization = change && { ...before, ...change };
    await writeFile(path, JSON.stringify({ ...config, quantization_config: quantization }));
    const opened = openBaseModel(join(folder, '8'));
    await expect(opened).rejects.toMatchObject({ code });
    await writeFile(path, text);
  });
});
