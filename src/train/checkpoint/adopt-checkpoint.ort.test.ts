import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OpenCheckpoint, type PartContent, writeCheckpoint } from '../../checkpoint/index.ts';
import { liveHandles, type NativeMemory } from '../../native/index.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';
import { adoptCheckpoint, type Resumed } from './adopt-checkpoint.ts';
import { partNames, type TrainingState } from './training-state.ts';

let folder: string;
let parameters: ParameterArena;
let adopted: { weights: ParameterArena | undefined; best: ParameterArena | undefined };
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  parameters = new ParameterArena([
    { name: 'a', shape: [16] },
    { name: 'b', shape: [2, 8] },
  ]);
  adopted = { weights: undefined, best: undefined };
});
afterEach(async () => {
  for (const arena of [parameters, adopted.weights, adopted.best]) arena?.dispose();
  await rm(folder, { recursive: true });
});

const stored = (): TrainingState['parameters'] =>
  parameters.entries.map((entry) => ({ ...entry, shape: [...entry.shape] }));
const numbers = (name: string, value: number, length = 32): PartContent => {
  return { name, type: 'float32', bytes: new Uint8Array(new Float32Array(length).fill(value).buffer) };
};
const sound: readonly PartContent[] = [
  numbers(partNames.best, 2),
  numbers(partNames.moment('first'), 3),
  numbers(partNames.parameters, 1),
  { name: partNames.metrics, type: 'bytes', bytes: Buffer.from('{"step":1,"loss":2,"evalLoss":null}\n') },
];
/** The sound parts, with others in their place. @param gone  left out */
const but = (other: PartContent | undefined, gone = other?.name): PartContent[] => [
  ...sound.filter(({ name }) => name !== gone),
  ...(other === undefined ? [] : [other]),
];

/** Adopts a checkpoint with these parts. */
async function adopt(parts: readonly PartContent[], entries = stored()): Promise<Resumed> {
  const path = join(folder, 'step-1');
  await writeCheckpoint(path, { kind: 'test', state: {}, parts });
  const state = { step: 1, position: { epoch: 0, batch: 1 }, seed: 7, skipped: 0, parameters: entries };
  const optimizer = { name: 'sgd', steps: 1, dtype: 'float32' };
  // What else is in the state is not looked at.
  const whole = { ...state, optimizer } as unknown as TrainingState;
  return adoptCheckpoint(
    {
      model: { parameters, adopt: (weights) => void (adopted.weights = weights) },
      best: { adopt: (weights) => void (adopted.best = weights) },
    },
    await OpenCheckpoint.open(path),
    whole,
  );
}

describe('the weights of a checkpoint', () => {
  it('take the place of the model’s', async () => {
    const { from, lines } = await adopt(sound);
    const moments = from.optimizer.moments as ReadonlyMap<string, NativeMemory>;
    expect([adopted.weights?.flat[31], adopted.best?.flat[31]]).toEqual([1, 2]);
    expect([...moments.keys()]).toEqual(['first']);
    expect(lines).toMatchObject([{ step: 1, evalLoss: NaN }]);
    for (const memory of moments.values()) memory.dispose();
  });

  it.each<[string, readonly PartContent[], string]>([
    ['weights of another size', but(numbers(partNames.parameters, 1, 16)), 'TRAIN_STATE_MISMATCH'],
    ['best weights of another size', but(numbers(partNames.best, 1, 48)), 'TRAIN_STATE_MISMATCH'],
    ['no weights', but(undefined, partNames.parameters), 'CHECKPOINT_INVALID'],
    [
      'metrics that are none',
      but({ name: partNames.metrics, type: 'bytes', bytes: Buffer.from('{"step"\n') }),
      'CHECKPOINT_INVALID',
    ],
  ])('change nothing and leave nothing where there are %s', async (_name, parts, code) => {
    const before = liveHandles();
    await expect(adopt(parts)).rejects.toMatchObject({ code });
    expect(liveHandles()).toEqual(before);
    expect(adopted).toEqual({ weights: undefined, best: undefined });
  });

  it('are refused for other parameters, by the first that differs', async () => {
    const [a, b] = stored();
    if (a === undefined || b === undefined) throw new Error('two parameters are expected');
    const refused = (entries: TrainingState['parameters']) =>
      adopt(sound, entries).catch((error: unknown) => (error as { details: unknown }).details);
    const what = 'parameters';
    expect(await refused([a])).toEqual({ what, expected: 'b 2x8 at 16', actual: 'no more' });
    expect(await refused([a, b, { ...b, name: 'c', start: 32 }])).toEqual({
      what,
      expected: 'no more',
      actual: 'c 2x8 at 32',
    });
    expect(await refused([a, { ...b, shape: [16] }])).toEqual({ what, expected: 'b 2x8 at 16', actual: 'b 16 at 16' });
  });
});
