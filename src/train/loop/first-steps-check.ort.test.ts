import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FirstStepsCheck } from './first-steps-check.ts';
import { notFinite } from './not-finite.ts';
import { ParameterArena } from '../graph/parameter-arena.ts';

let arena: ParameterArena;
beforeEach(() => {
  arena = new ParameterArena([
    { name: 'a.lora_B', shape: [3, 5] },
    { name: 'b.lora_B', shape: [2] },
  ]);
});
afterEach(() => arena.dispose());

const move = (index: number): void => {
  const entry = arena.entries[index];
  if (entry !== undefined) arena.view(entry)[0] = 0.5;
};

describe('ParameterArena', () => {
  it('begins every tensor on 64 bytes and counts no gap as a parameter', () => {
    expect(arena.entries.map(({ start, end }) => [start, end])).toEqual([
      [0, 15],
      [16, 18],
    ]);
  });

  it('shares its memory with the tensors that it gives to the runtime', () => {
    move(1);
    expect(arena.tensor('b.lora_B').memory.float32(64, 2)[0]).toBe(0.5);
    expect(() => arena.tensor('c')).toThrow('There is no trainable parameter named c.');
  });
});

describe('FirstStepsCheck', () => {
  const moving = { learningRate: 0.1, last: false };

  it('names what three steps have not moved', async () => {
    const check = await FirstStepsCheck.begin(arena, arena.entries);
    move(0);
    await check.after(1, moving);
    await check.after(2, moving);
    await expect(check.after(3, moving)).rejects.toThrow('After 3 steps these parameters have not changed: b.lora_B.');
  });

  it('is content where everything has moved', async () => {
    const check = await FirstStepsCheck.begin(arena, arena.entries);
    move(0);
    move(1);
    for (const step of [1, 2, 3, 4]) await expect(check.after(step, moving)).resolves.toBeUndefined();
  });

  it('does not count the steps of a warm-up that have no learning rate', async () => {
    const check = await FirstStepsCheck.begin(arena, arena.entries);
    await check.after(1, { learningRate: 0, last: false });
    await check.after(2, moving);
    await check.after(3, moving);
    await expect(check.after(4, moving)).rejects.toMatchObject({ code: 'TRAIN_STUCK' });
  });

  it('looks after the last step of a training that is shorter', async () => {
    const check = await FirstStepsCheck.begin(arena, arena.entries);
    await expect(check.after(1, { learningRate: 0.1, last: true })).rejects.toMatchObject({ code: 'TRAIN_STUCK' });
  });
});

describe('notFinite', () => {
  it('names the gradients that are not finite', async () => {
    move(0);
    arena.flat[17] = NaN;
    expect(await notFinite(2.5, NaN, arena)).toEqual(['b.lora_B']);
  });

  it('names the loss, and a norm that overflows', async () => {
    expect(await notFinite(Infinity, 1, arena)).toEqual(['the loss']);
    expect(await notFinite(1, Infinity, arena)).toEqual(['the norm of all gradients together']);
    expect(await notFinite(1, 1, arena)).toBeUndefined();
  });
});
