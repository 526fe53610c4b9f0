import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TensorboardLog } from './tensorboard-log.ts';

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'espalier-tb-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const metrics = { step: 7, loss: 2, gradNorm: 1, learningRate: 1e-3, targetTokens: 5, tokensPerSecond: 10 };
const onTrouble = (error: unknown): void => {
  throw error;
};

describe('TensorboardLog', () => {
  it('writes a number for each figure of a step and an evaluation, and where a run goes on', async () => {
    {
      await using log = await TensorboardLog.create(folder, { onTrouble });
      log.heard({ kind: 'resumed', step: 6, checkpoint: 'x' });
      log.heard({ kind: 'stepped', metrics, steps: 8 });
      log.heard({ kind: 'stepped', metrics: { ...metrics, accuracy: 0.5 }, steps: 8 });
      log.heard({ kind: 'evaluated', step: 8, loss: 3, accuracy: 0.25 });
      for (const [prompt, text] of [
        ['p', 'a1'],
        ['q', 'a2'],
        ['p', 'a3'],
      ] as const) {
        log.heard({ kind: 'sampled', when: 'after', prompt, text });
      }
      log.heard({ kind: 'warned', message: 'not for TensorBoard' });
    }
    const [name] = await readdir(folder);
    const text = (await readFile(join(folder, name ?? ''))).toString('latin1');
    const tags = text.match(/(train|eval)\/[a-z_]+/g);
    const step = ['train/loss', 'train/grad_norm', 'train/learning_rate', 'train/tokens_per_second'];
    expect(tags).toEqual([...step, 'train/loss', 'train/accuracy', ...step.slice(1), 'eval/loss', 'eval/accuracy']);
    expect(text).not.toContain('not for');
    expect(text.match(/sample\/\d/g)).toEqual(['sample/1', 'sample/2', 'sample/1']);
    expect(text.match(/ {4}p\n {4}\n {4}a\d/g)).toEqual(['    p\n    \n    a1', '    p\n    \n    a3']);
  });

  it('refuses a folder that is a file', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(TensorboardLog.create(join(folder, 'file'), { onTrouble })).rejects.toThrow('EEXIST');
  });
});
