import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { listenForEndOfInput } from './end-of-input.ts';

let exits: number[];
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  exits = [];
});
afterEach(() => vi.useRealTimers());

function listen(): { readonly input: PassThrough; readonly heard: ReturnType<typeof listenForEndOfInput> } {
  const input = new PassThrough();
  return { input, heard: listenForEndOfInput(input, (code) => void exits.push(code)) };
}

describe('the end of the input', () => {
  it.each<[string, (input: PassThrough) => void]>([
    ['ends', (input) => void input.end()],
    ['breaks', (input) => void input.destroy(new Error('gone'))],
    ['is closed', (input) => void input.destroy()],
  ])('is heard when it %s, and what comes before it is not', async (_name, end) => {
    const { input, heard } = listen();
    input.write('something');
    await vi.waitFor(() => expect(input.readableLength).toBe(0));
    expect(heard.signal.aborted).toBe(false);
    end(input);
    await vi.waitFor(() => expect(heard.signal.aborted).toBe(true));
    heard[Symbol.dispose]();
  });

  it('ends the process a minute later, unless it was done by then', async () => {
    const [late, done] = [listen(), listen()];
    for (const { input } of [late, done]) input.end();
    await vi.waitFor(() => expect([late, done].every(({ heard }) => heard.signal.aborted)).toBe(true));
    done.heard[Symbol.dispose]();
    vi.advanceTimersByTime(59_000);
    expect(exits).toEqual([]);
    vi.advanceTimersByTime(2000);
    expect(exits).toEqual([130]);
    late.heard[Symbol.dispose]();
  });
});
