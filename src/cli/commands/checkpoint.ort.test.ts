import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { espalier, goldenFolder, writeGoldenRows } from '../testing/run-espalier.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Trains with a checkpoint after each step. @returns the words of the command, and where its result is */
async function trainSaving(steps: string): Promise<{ readonly words: readonly string[]; readonly output: string }> {
  const golden = goldenFolder('llama');
  const data = await writeGoldenRows(golden, join(folder, 'rows.jsonl'));
  const output = join(folder, 'out');
  const words = ['train', '--base', join(golden, 'model'), '--data', data, '--output', output];
  words.push('--max-steps', steps, '--save-steps', '1', '--rank', '2');
  expect(await espalier(words)).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('step') });
  return { words, output };
}

describe('espalier checkpoint', () => {
  it('shows and verifies the checkpoints of a training, and names the damaged file of one', async () => {
    const { output } = await trainSaving('3');

    const shown = await espalier(['checkpoint', 'inspect', output]);
    expect(shown.exitCode).toBe(0);
    expect(shown.stdout).toContain('step       3 of 3, the last one; next: epoch 3, batch 0');
    expect(shown.stdout).toContain('file       optimizer-firstMoment.bin: float32, ');
    expect(shown.stdout).toContain('made with  threads: 1');

    const whole = JSON.parse((await espalier(['checkpoint', 'verify', output, '--json'])).stdout) as object;
    expect(whole).toMatchObject({
      checkpoints: [
        { sound: true, step: 3 },
        { sound: true, step: 2 },
      ],
    });

    const damaged = join(`${output}.checkpoints`, 'step-000000003', 'parameters.bin');
    const bytes = await readFile(damaged);
    bytes[9] = (bytes[9] ?? 0) ^ 16;
    await writeFile(damaged, bytes);
    const { exitCode, stdout } = await espalier(['checkpoint', 'verify', `${output}.checkpoints`]);
    expect(exitCode).toBe(1);
    const [first, code, second] = stdout.split('\n');
    expect(first).toContain('step-000000003 is refused: parameters.bin does not have the hash');
    expect(code?.trim()).toBe('CHECKPOINT_INVALID');
    expect(second).toContain(`sound      ${join(`${output}.checkpoints`, 'step-000000002')}`);

    expect(await espalier(['checkpoint', 'inspect', join(folder, 'none'), '--json'])).toMatchObject({
      exitCode: 1,
      stdout: expect.stringContaining('CHECKPOINT_NOT_FOUND') as string,
    });
  });

  it('is what a second run to an unfinished output is told of', async () => {
    const { words, output } = await trainSaving('2');
    await rm(output, { recursive: true });
    const { exitCode, stderr } = await espalier(words);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Give --resume to go on from there, or --force to begin anew');
    const resumed = await espalier([...words, '--resume']);
    expect(resumed).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('goes on after step 2, from ') });
    const allowed = await espalier([...words, '--resume', '--allow-changed', 'base']);
    expect(allowed).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('names of library, processor, threads'),
    });
  });
});
