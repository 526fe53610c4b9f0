import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveHandles } from '../../native/index.ts';
import { loadSafetensors, toFloat32, writeSafetensors, type TensorData } from '../../tensor/index.ts';
import { espalier, goldenFolder, writeGoldenRows } from '../testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-predict-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface GoldenText {
  readonly text: string;
  readonly pair: string | null;
  readonly ids: number[];
  readonly typeIds: number[];
  readonly probabilities: number[];
  readonly logits: number[];
  readonly embedding: number[];
}

const model = join(goldenFolder('bert-types'), 'model');

async function readTexts(): Promise<GoldenText[]> {
  // WHY as: the file is our own.
  return JSON.parse(await readFile(join(goldenFolder('bert-types'), 'texts.json'), 'utf8')) as GoldenText[];
}

async function expectedRows(name: string, key: string): Promise<number[][]> {
  const { tensors } = await loadSafetensors(join(goldenFolder(name), 'expected.safetensors'));
  const tensor = tensors.get(key);
  if (tensor === undefined) throw new Error(`${name} has no ${key}`);
  const [rows = 0, width = 0] = tensor.shape;
  const values = toFloat32(tensor);
  return Array.from({ length: rows }, (_, row) => [...values.subarray(row * width, (row + 1) * width)]);
}

/** The answers of a command, a line for each row. */
async function answers(...words: string[]): Promise<Record<string, unknown>[]> {
  const { exitCode, stdout, stderr } = await espalier([...words, '--json']);
  expect([exitCode, stderr]).toEqual([0, '']);
  expect(liveHandles()).toEqual({});
  const lines = stdout.trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

function largestDifference(actual: unknown, expected: readonly number[]): number {
  const values = Array.isArray(actual) ? actual.map(Number) : [];
  if (values.length !== expected.length) return Infinity;
  return Math.max(...expected.map((value, i) => Math.abs(value - (values[i] ?? NaN))));
}

/** A tensor's rows as nested lists. */
function nestedRows({ shape, ...tensor }: TensorData): unknown[] {
  const nest = (values: readonly unknown[], [size = 1, ...inner]: readonly number[]): unknown[] => {
    const width = values.length / size;
    const parts = Array.from({ length: size }, (_, i) => values.slice(i * width, (i + 1) * width));
    return inner.length === 0 ? [...values] : parts.map((part) => nest(part, inner));
  };
  return nest([...toFloat32({ ...tensor, shape })], shape);
}

const names = ['bad', 'fair', 'good'];

describe('espalier classify', () => {
  it('gives the probabilities of the reference for a text, and its label', async () => {
    for (const { text, pair, logits, probabilities } of await readTexts()) {
      const more = pair === null ? [] : ['--text-pair', pair];
      const [answer] = await answers('classify', '--base', model, '--text', text, ...more);
      expect(largestDifference(answer?.['logits'], logits)).toBeLessThan(1e-5);
      expect(largestDifference(answer?.['probabilities'], probabilities)).toBeLessThan(1e-6);
      const index = probabilities.indexOf(Math.max(...probabilities));
      expect(answer).toMatchObject({ index, label: names[index] });
    }
  });

  it('answers a line for each row of a file, in its order', async () => {
    const file = join(folder, 'rows.jsonl');
    const texts = await readTexts();
    const lines = texts.map(({ text, pair, ids, typeIds }, i) =>
      JSON.stringify(i % 2 ? { input_ids: ids, token_type_ids: typeIds } : { text, ...(pair && { text_pair: pair }) }),
    );
    await writeFile(file, lines.join('\n'));
    const found = await answers('classify', '--base', model, '--file', file);
    expect(found).toHaveLength(texts.length);
    found.forEach((answer, i) => {
      expect(largestDifference(answer['logits'], texts[i]?.logits ?? [])).toBeLessThan(1e-5);
    });
  });

  it.each([
    { name: 'bert', state: 'adapter' },
    { name: 'bert-types', state: 'trained' },
    { name: 'roberta', state: 'adapter' },
    { name: 'roberta', state: 'trained' },
    { name: 'distilbert', state: 'trained' },
    { name: 'llama-classifier', state: 'trained' },
  ])('applies an adapter, and the head that it brings: $name, $state', async ({ name, state }) => {
    const golden = goldenFolder(name);
    const file = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
    const words = ['classify', '--base', join(golden, 'model'), '--adapter', join(golden, state), '--file', file];
    const expected = await expectedRows(name, `${state}_logits`);
    const found = await answers(...words);
    expected.forEach((row, i) => expect(largestDifference(found[i]?.['logits'], row)).toBeLessThan(1e-4));
  });

  it('adds adapters up by their scales', async () => {
    const golden = goldenFolder('bert');
    const file = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
    const adapter = join(golden, 'trained');
    const words = ['classify', '--base', join(golden, 'model'), '--file', file];
    const found = await answers(...words, '--adapter', `${adapter}=0.25`, '--adapter', `${adapter}=0.75`);
    const expected = await expectedRows('bert', 'trained_logits');
    expected.forEach((row, i) => expect(largestDifference(found[i]?.['logits'], row)).toBeLessThan(1e-4));
  });

  it('knows the classes of a head that an adapter brings to an encoder without one', async () => {
    const base = join(folder, 'encoder');
    await cp(model, base, { recursive: true });
    const config: unknown = JSON.parse(await readFile(join(base, 'config.json'), 'utf8'));
    const changed = { ...(config as object), architectures: ['BertForMaskedLM'] };
    await writeFile(join(base, 'config.json'), JSON.stringify(changed));
    const { tensors } = await loadSafetensors(join(base, 'model.safetensors'));
    const body = [...tensors].filter(([name]) => !name.startsWith('classifier'));
    await writeSafetensors(join(base, 'model.safetensors'), body);
    const rows = join(folder, 'rows.jsonl');
    await writeFile(rows, '{"text": "dull", "label": "no"}\n{"text": "great music", "label": "yes"}\n');
    const words = ['--base', base, '--labels', 'yes,no'];
    const output = join(folder, 'adapter');
    const training = [
      'train',
      ...words,
      '--data',
      rows,
      '--output',
      output,
      '--max-steps',
      '30',
      '--learning-rate',
      '0.01',
    ];
    await answers(...training);
    const found = await answers('classify', ...words, '--adapter', output, '--file', rows);
    expect(found.map(({ label }) => label)).toEqual(['no', 'yes']);
    const { stdout } = await espalier(['classify', ...words, '--text', 'dull', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'MODEL_HEAD_MISSING' } });
  });

  it.each(['mlp', 'cnn'])('reads other things than text, with an adapter or without: %s', async (name) => {
    const golden = goldenFolder(name);
    const { tensors } = await loadSafetensors(join(golden, 'expected.safetensors'));
    const input = tensors.get('x');
    if (input === undefined) throw new Error(`${name} has no input`);
    const file = join(folder, 'rows.jsonl');
    await writeFile(
      file,
      nestedRows(input)
        .map((row) => `${JSON.stringify({ input: row })}\n`)
        .join(''),
    );
    const words = ['classify', '--base', join(golden, 'model.onnx'), '--file', file];
    for (const state of ['base', 'adapter']) {
      const adapter = state === 'base' ? [] : ['--adapter', join(golden, 'adapter')];
      const found = await answers(...words, ...adapter);
      const expected = await expectedRows(name, `${state}_logits`);
      expect(found).toHaveLength(expected.length);
      expected.forEach((row, i) => expect(largestDifference(found[i]?.['logits'], row)).toBeLessThan(1e-4));
    }
    const { stdout } = await espalier(['classify', '--base', join(golden, 'model.onnx'), '--text', 'no', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'CLI_CONFLICT' } });
  });

  it('shows the labels with their shares, the largest first', async () => {
    const { stdout } = await espalier(['classify', '--base', model, '--text', 'Dull.']);
    const shares = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('  '));
    expect(shares.map(([, name]) => name).sort()).toEqual(names);
    expect(shares.map(([share]) => Number(share))).toEqual(
      shares.map(([share]) => Number(share)).sort((a, b) => b - a),
    );
  });

  it('cuts a text where it is told to, and otherwise refuses one that is too long', async () => {
    const text = Array.from({ length: 40 }, () => 'good').join(' ');
    expect(await answers('classify', '--base', model, '--text', text, '--max-length', '20')).toHaveLength(1);
    const { exitCode, stdout } = await espalier(['classify', '--base', model, '--text', text, '--json']);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'MODEL_CONTEXT_EXCEEDED' } });
  });
});

describe('espalier embed', () => {
  it('gives the mean of the reference states for a text', async () => {
    for (const { text, pair, embedding } of await readTexts()) {
      const more = pair === null ? [] : ['--text-pair', pair];
      const [answer] = await answers('embed', '--base', model, '--text', text, ...more);
      expect(largestDifference(answer?.['embedding'], embedding)).toBeLessThan(1e-5);
    }
  });

  it.each(['bert-types', 'roberta', 'distilbert'])('applies what of an adapter is in the encoder: %s', async (name) => {
    const golden = goldenFolder(name);
    const file = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
    const words = ['embed', '--base', join(golden, 'model'), '--adapter', join(golden, 'adapter'), '--file', file];
    const expected = await expectedRows(name, 'adapter_embeddings');
    const found = await answers(...words);
    expected.forEach((row, i) => expect(largestDifference(found[i]?.['embedding'], row)).toBeLessThan(1e-4));
  });
});

describe('a base of another kind', () => {
  const llama = join(goldenFolder('llama'), 'model');
  it.each([
    { words: ['generate', '--base', model, '--input-ids', '2,5,3'], instead: /`classify`.*`embed`/ },
    { words: ['score', '--base', model, '--input-ids', '2,5,3'], instead: /`classify`.*`embed`/ },
    { words: ['classify', '--base', llama, '--input-ids', '2,5,3'], instead: /`generate`/ },
    { words: ['embed', '--base', llama, '--input-ids', '2,5,3'], instead: /`generate`/ },
  ])('is refused by $words.0, which says what it is for', async ({ words, instead }) => {
    const { exitCode, stdout } = await espalier([...words, '--json']);
    expect(exitCode).toBe(1);
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
    expect(error.code).toBe('MODEL_TASK_UNSUPPORTED');
    expect(error.message).toMatch(instead);
    expect(liveHandles()).toEqual({});
  });
});
