import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { liveHandles } from '../../native/index.ts';
import { espalier, goldenFolder, readGoldenTraining, writeGoldenRows } from '../testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function goldenWords(name: string) {
  const golden = goldenFolder(name);
  const expected = await readGoldenTraining(golden);
  const output = join(folder, 'out');
  const data = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
  const words = ['train', '--base', join(golden, 'model'), '--data', data, '--output', output];
  words.push('--init-adapter', join(golden, 'adapter'), '--no-shuffle', '--max-grad-norm', '0', '--batch-size', '3');
  const { name: optimizer, lr, weightDecay = 0, momentum, nesterov } = expected.optimizer;
  words.push('--optimizer', optimizer, '--learning-rate', String(lr), '--weight-decay', String(weightDecay));
  if (momentum !== undefined) words.push('--momentum', String(momentum));
  if (nesterov === true) words.push('--nesterov');
  return { words, expected, output };
}

/** The hidden folder of a training under way says that it has begun. */
async function abortWhenBegun(controller: AbortController): Promise<void> {
  const names = await readdir(folder);
  if (names.some((name) => name.startsWith('.out.partial'))) controller.abort();
}

describe('espalier train', () => {
  it.each(['llama', 'llama-d16', 'llama-sgd'])('follows the golden loss trace: %s', async (name) => {
    const { words, expected, output } = await goldenWords(name);
    const series = join(folder, 'series.prom');
    const { exitCode, stdout, stderr } = await espalier([
      ...words,
      '--max-steps',
      '10',
      '--json',
      '--metrics-file',
      series,
    ]);
    expect(await readFile(series, 'utf8')).toContain('\nespalier_train_step{adapter="out"} 10\n');
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ output, steps: 10, interrupted: false });
    const lines = (await readFile(join(output, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(10);
    for (const [step, line] of lines.entries()) {
      const metrics = JSON.parse(line) as Record<string, number>;
      expect(Object.keys(metrics).join()).toBe('step,loss,gradNorm,learningRate,targetTokens,tokensPerSecond');
      expect(Math.abs((metrics['loss'] ?? NaN) - (expected.lossTrace[step] ?? NaN))).toBeLessThan(1e-3);
    }
    expect(await readdir(output)).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'metrics.jsonl']);
    expect(liveHandles()).toEqual({});
  });

  it('plans with --dry-run what it then does, and writes nothing', async () => {
    const { words } = await goldenWords('llama');
    const { exitCode, stdout } = await espalier([...words, '--max-steps', '10', '--dry-run', '--json']);
    expect([exitCode, await readdir(folder)]).toEqual([0, ['rows.jsonl']]);
    const forecast = JSON.parse(stdout) as {
      readonly plan: unknown;
      readonly tokens: number;
      readonly memory: Record<string, number>;
    };
    const { process, weights, activations, parameters, optimizer, evaluation, peak, unknown } = forecast.memory;
    expect(unknown).toBe(0);
    expect([process, weights, activations, parameters, optimizer].every((bytes) => Number(bytes) > 0)).toBe(true);
    const sum = [process, weights, activations, parameters, optimizer, evaluation].reduce<number>(
      (total, bytes) => total + Number(bytes),
      0,
    );
    expect(peak).toBe(sum);
    const run = await espalier([...words, '--max-steps', '10', '--json']);
    const result = JSON.parse(run.stdout) as { readonly plan: unknown };
    expect(forecast.plan).toEqual(result.plan);
    const text = await espalier([...words, '--max-steps', '10', '--dry-run']);
    expect(text.stdout).toMatch(/memory +\d+ MB at the peak/);
  });

  it.each(['bert', 'roberta'])('follows the golden loss trace of a classifier: %s', async (name) => {
    const { words, expected, output } = await goldenWords(name);
    const rows = words[words.indexOf('--data') + 1] ?? '';
    const { exitCode, stdout } = await espalier([...words, '--max-steps', '10', '--eval-data', rows, '--json']);
    expect(exitCode).toBe(0);
    const lines = (await readFile(join(output, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const steps = lines.map((line) => JSON.parse(line) as Record<string, number>);
    const { evalLossAfter, evalAccuracyAfter } = JSON.parse(stdout) as Record<string, number>;
    [...steps.map(({ loss }) => loss), evalLossAfter].forEach((loss, step) => {
      expect(Math.abs((loss ?? NaN) - (expected.lossTrace[step] ?? NaN))).toBeLessThan(1e-3);
    });
    expect(steps[0]).toMatchObject({ targetTokens: 3, accuracy: expect.any(Number) as number });
    expect(evalAccuracyAfter).toBe(1);
  });

  it('writes each event as a line of JSON, and replaces the adapter at its output where it is forced to', async () => {
    const { words } = await goldenWords('llama');
    const once = [...words, '--max-steps', '1'];
    expect(await espalier(once)).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('step 1 of 1: loss ') });
    expect((await espalier([...once, '--log-steps', '0'])).exitCode).toBe(1);
    const { exitCode, stdout, stderr } = await espalier([...once, '--force', '--json-events']);
    expect([exitCode, stderr]).toEqual([0, '']);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { kind: string }).kind);
    expect(events).toEqual(['planned', 'stepped', 'finished']);
  });

  it('writes what is to be looked at: event files, a page, and samples before and after', async () => {
    const base = fileURLToPath(new URL('../../../demo/base', import.meta.url));
    const data = join(folder, 'rows.jsonl');
    const output = join(folder, 'out');
    const answer = ' Your card is locked.';
    const row = {
      messages: [
        { role: 'user', content: 'Lock it.' },
        { role: 'assistant', content: answer },
      ],
    };
    await writeFile(data, `${JSON.stringify(row)}\n`.repeat(8));
    const [logs, report] = [join(folder, 'logs'), join(folder, 'run.html')];
    const words = ['train', '--base', base, '--data', data, '--output', output, '--eval-data', data];
    words.push('--max-steps', '20', '--learning-rate', '3e-3', '--tensorboard', logs, '--report', report);
    words.push('--sample-prompt', 'Lock it.', '--sample-prompt', '<b>', '--sample-tokens', '9', '--json-events');
    const { exitCode, stdout } = await espalier(words);
    expect(exitCode).toBe(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    const kinds = events.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind !== 'stepped')).toEqual([
      'sampled',
      'sampled',
      'planned',
      'evaluated',
      'evaluated',
      'sampled',
      'sampled',
      'finished',
    ]);
    const samples = events.filter(({ kind }) => kind === 'sampled');
    expect(samples.map(({ when, prompt }) => [when, prompt])).toEqual([
      ['before', 'Lock it.'],
      ['before', '<b>'],
      ['after', 'Lock it.'],
      ['after', '<b>'],
    ]);
    expect(samples[0]?.['text']?.trim()).not.toBe(answer.trim());
    expect(samples[2]?.['text']?.trim()).toBe(answer.trim());
    const page = await readFile(report, 'utf8');
    expect(page).toContain(`<td>Lock it.</td>`);
    expect(page).toContain('<td>&lt;b&gt;</td>');
    expect(page.match(/<circle /g)).toHaveLength(20);
    const [name] = await readdir(logs);
    expect((await readFile(join(logs, name ?? ''))).toString('latin1').match(/train\/loss/g)).toHaveLength(20);
    expect(liveHandles()).toEqual({});
  });

  it('takes rows that are too long or empty as it is told to, and groups them by length', async () => {
    const rows = [8, 2, 8, 2, 40, 8, 2].map((length) => ({ input_ids: Array.from({ length }, () => 5) }));
    const data = join(folder, 'rows.jsonl');
    await writeFile(data, [...rows, { input_ids: [5] }].map((row) => JSON.stringify(row)).join('\n'));
    const words = ['train', '--base', join(goldenFolder('llama'), 'model'), '--data', data, '--batch-size', '3'];
    const run = (...more: string[]) =>
      espalier([...words, '--output', join(folder, 'out'), '--max-length', '16', ...more]);
    expect((await run('--truncation', 'drop')).stderr).toContain('[DATA_ROWS_EMPTY]');
    expect((await run('--skip-empty', '--truncation', 'error')).stderr).toContain('[DATA_ROWS_TOO_LONG]');
    expect((await run('--skip-empty', '--group-by-length', '--no-shuffle')).stderr).toContain('TRAIN_CONFIG_CONFLICT');
    const { exitCode, stdout } = await run(
      '--skip-empty',
      '--truncation',
      'drop',
      '--group-by-length',
      '--json-events',
    );
    expect(exitCode).toBe(0);
    const steps = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { metrics?: { targetTokens: number } });
    // Three rows of seven targets in one step, and three of one in the other.
    expect(steps.flatMap(({ metrics }) => metrics?.targetTokens ?? []).sort()).toEqual([21, 3]);
  });

  it('writes the page of a training that fails too', async () => {
    const { words } = await goldenWords('llama');
    const report = join(folder, 'run.html');
    const rate = words.indexOf('--learning-rate');
    words[rate + 1] = '1e30';
    const { exitCode } = await espalier([...words, '--max-steps', '50', '--report', report, '--json']);
    expect(exitCode).toBe(1);
    expect(await readFile(report, 'utf8')).toContain('The training has diverged');
  });

  it('takes its settings from a file, and lets an option win', async () => {
    const { words, output } = await goldenWords('llama');
    const config = join(folder, 'run.yaml');
    await writeFile(config, 'max-steps: 1\nschedule: cosine\nwarmup-steps: 1\n');
    const { exitCode } = await espalier([...words, '--config', config, '--max-steps', '2']);
    expect(exitCode).toBe(0);
    const lines = (await readFile(join(output, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { learningRate: number }).learningRate)).toEqual([0, 0.02]);
  });

  it('saves what it has and exits with 130 when it is interrupted', async () => {
    const { words, output } = await goldenWords('llama');
    const controller = new AbortController();
    const running = espalier([...words, '--max-steps', '100000'], controller.signal);
    const watch = setInterval(() => {
      void abortWhenBegun(controller);
    }, 300);
    const { exitCode, stdout } = await running;
    clearInterval(watch);
    expect(exitCode).toBe(130);
    // Interrupted before the first step there is nothing to save, and after it everything is there.
    expect(stdout === '' || (await readdir(output)).includes('adapter_model.safetensors')).toBe(true);
  });

  it.each([
    { words: ['--rank', '3'], code: 'TRAIN_CONFIG_CONFLICT', exitCode: 2 },
    { words: ['--optimizer', 'adamw', '--momentum', '0.9'], code: 'TRAIN_CONFIG_CONFLICT', exitCode: 2 },
    { words: ['--optimizer', 'sgd', '--nesterov'], code: 'TRAIN_CONFIG_CONFLICT', exitCode: 2 },
    { words: ['--learning-rate', 'fast'], code: 'TRAIN_CONFIG_INVALID', exitCode: 2 },
    { words: ['--data', 'nowhere.jsonl'], code: 'FILE_NOT_FOUND', exitCode: 1 },
    { words: ['--output', '.'], code: 'OUTPUT_EXISTS', exitCode: 1 },
  ])('refuses $words with $code', async ({ words: more, code, exitCode }) => {
    const { words } = await goldenWords('llama');
    // An option may be given once.
    const given = more.filter((word) => word.startsWith('--'));
    const kept = words.filter((word, at) => !given.includes(word) && !given.includes(words[at - 1] ?? ''));
    const result = await espalier([...kept, ...more, '--json']);
    expect(result.exitCode).toBe(exitCode);
    expect(JSON.parse(result.stdout)).toMatchObject({ error: { code } });
  });
});
