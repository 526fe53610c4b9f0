import { describe, expect, it } from 'vitest';
import { EventQueue } from './event-queue.ts';

const queue = (most?: number) =>
  new EventQueue<string>({ ...(most && { most }), leftOut: (count) => `${count} left out` });

async function readAll(events: AsyncIterable<string>): Promise<string[]> {
  const read: string[] = [];
  for await (const event of events) read.push(event);
  return read;
}

describe('EventQueue', () => {
  it('gives what came before and after the reading began, in order, to the end', async () => {
    const events = queue();
    events.push('a');
    const reading = readAll(events);
    await Promise.resolve();
    events.push('b');
    events.push('c');
    events.end();
    expect(await reading).toEqual(['a', 'b', 'c']);
  });

  it('wakes a reader that waits', async () => {
    const events = queue();
    const reader = events[Symbol.asyncIterator]();
    for (const event of ['a', 'b']) {
      const next = reader.next();
      events.push(event);
      expect(await next).toEqual({ done: false, value: event });
    }
    const last = reader.next();
    events.end();
    expect(await last).toEqual({ done: true, value: undefined });
  });

  it('leaves out the oldest of too many, and says how many', async () => {
    const events = queue(3);
    for (const event of ['a', 'b', 'c', 'd', 'e']) events.push(event);
    events.end();
    expect(await readAll(events)).toEqual(['2 left out', 'c', 'd', 'e']);
  });

  it('ends with an error behind the events that wait', async () => {
    const events = queue();
    events.push('a');
    events.end({ error: new Error('no more') });
    const reader = events[Symbol.asyncIterator]();
    expect(await reader.next()).toEqual({ done: false, value: 'a' });
    await expect(reader.next()).rejects.toThrow('no more');
  });
});
