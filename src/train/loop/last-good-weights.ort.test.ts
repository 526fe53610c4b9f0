import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ParameterArena } from '../graph/parameter-arena.ts';
import { LastGoodWeights } from './last-good-weights.ts';

let root: string;
let parameters: ParameterArena;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-good-'));
  parameters = new ParameterArena([{ name: 'a', shape: [2] }]);
});
afterEach(async () => {
  parameters.dispose();
  await rm(root, { recursive: true, force: true });
});

const model = () => ({
  parameters,
  read: async (): Promise<ParameterArena> => parameters,
  save: async (dir: string, { flat }: ParameterArena = parameters): Promise<void> => {
    await mkdir(dir);
    await writeFile(join(dir, 'weights'), String(flat[0]));
  },
});

describe('LastGoodWeights', () => {
  it('keeps the weights of the last step that it noted, and says where', async () => {
    using lastGood = new LastGoodWeights(model(), join(root, 'output'));
    for (let step = 1; step <= 25; step++) {
      parameters.flat[0] = step;
      await lastGood.note(step);
    }
    const place = join(root, 'output.step-20');
    expect(await lastGood.save()).toBe(`The weights of step 20, from before that, are in ${place}.`);
    expect(await readFile(join(place, 'weights'), 'utf8')).toBe('20');
    expect(await readdir(root)).toEqual(['output.step-20']);
  });

  it('says that nothing is kept where no step was noted', async () => {
    using lastGood = new LastGoodWeights(model(), join(root, 'output'));
    await lastGood.note(9);
    expect(await lastGood.save()).toBe('Nothing was saved.');
    expect(await readdir(root)).toEqual([]);
  });

  it('writes over nothing that is there', async () => {
    await mkdir(join(root, 'output.step-10'));
    using lastGood = new LastGoodWeights(model(), join(root, 'output'));
    await lastGood.note(10);
    expect(await lastGood.save()).toContain('could not be saved');
    expect(await readdir(join(root, 'output.step-10'))).toEqual([]);
  });
});
