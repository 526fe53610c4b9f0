import { describe, expect, it } from 'vitest';
import { breathe } from '../../core/index.ts';
import { Lanes } from './lanes.ts';

/** Tasks that run until they are ended, in the order of their beginning. */
function tasksIn(lanes: Lanes): {
  begun: string[];
  take: (name: string, isUrgent: boolean) => Promise<void>;
  end: (name: string, error?: Error) => Promise<void>;
} {
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  return {
    begun,
    take: (name, isUrgent) =>
      lanes.take(
        () => {
          begun.push(name);
          return new Promise((resolve, reject) => ends.set(name, (error) => (error ? reject(error) : resolve())));
        },
        { isUrgent },
      ),
    async end(name, error) {
      ends.get(name)?.(error);
      await breathe();
    },
  };
}

describe('Lanes', () => {
  it('gives back what the task returns', async () => {
    expect(await new Lanes(1).take(() => Promise.resolve(7))).toBe(7);
  });

  it('runs at most as many as there are lanes, in the order of their coming', async () => {
    const { begun, take, end } = tasksIn(new Lanes(2));
    const all = ['a', 'b', 'c', 'd'].map((name) => take(name, true));
    expect(begun).toEqual(['a', 'b']);
    await end('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'c', 'd']) await end(name);
    await Promise.all(all);
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
  });

  it('keeps one lane free of background tasks', async () => {
    const { begun, take, end } = tasksIn(new Lanes(2));
    const all = [take('slow', false), take('slower', false), take('urgent', true)];
    expect(begun).toEqual(['slow', 'urgent']);
    await end('urgent');
    expect(begun).toEqual(['slow', 'urgent']);
    await end('slow');
    expect(begun).toEqual(['slow', 'urgent', 'slower']);
    await end('slower');
    await Promise.all(all);
  });

  it('runs background tasks in a single lane too, after urgent ones', async () => {
    const { begun, take, end } = tasksIn(new Lanes(1));
    const all = [take('slow', false), take('slower', false), take('urgent', true)];
    expect(begun).toEqual(['slow']);
    for (const name of ['slow', 'urgent', 'slower']) await end(name);
    await Promise.all(all);
    expect(begun).toEqual(['slow', 'urgent', 'slower']);
  });

  it.each([0, -1, 1.5, Number.NaN, Infinity])('refuses %d lanes', (limit) => {
    expect(() => new Lanes(limit)).toThrow(`an integer from 1, got ${limit}`);
  });

  it('takes urgent tasks before background tasks that came earlier', async () => {
    const { begun, take, end } = tasksIn(new Lanes(2));
    const all = [take('a', true), take('b', true), take('background', false), take('urgent', true)];
    await end('a');
    expect(begun).toEqual(['a', 'b', 'urgent']);
    await end('b');
    await end('urgent');
    expect(begun).toEqual(['a', 'b', 'urgent', 'background']);
    await end('background');
    await Promise.all(all);
  });

  it('goes on after a task that fails', async () => {
    const { begun, take, end } = tasksIn(new Lanes(1));
    const [failing, next] = [take('failing', true), take('next', true)];
    const [ended] = await Promise.all([
      failing.then(
        () => undefined,
        (error: unknown) => error,
      ),
      end('failing', new Error('broken')),
    ]);
    expect(ended).toEqual(new Error('broken'));
    expect(begun).toEqual(['failing', 'next']);
    await end('next');
    await next;
  });
});
