import { EventQueue } from './event-queue.ts';

/** Work whose promise also gives its events. */
export type WithEvents<T, E> = Promise<T> & { readonly events: AsyncIterable<E> };

/**
 * Starts work that tells its events, and keeps them for a reader. They end with the work, or throw its error.
 *
 * @param warn  makes the event in place of those that nobody read in time, from words that say so
 * @param work  is called at once
 */
export function withEvents<T, E>(
  warn: (message: string) => E,
  work: (heard: (event: E) => void) => Promise<T>,
): WithEvents<T, E> {
  const queue = new EventQueue<E>({
    leftOut: (count) => warn(`${count} events before this one were left out, because they were not read in time.`),
  });
  const result = endingQueue(queue, work);
  const events = {
    [Symbol.asyncIterator]: () => {
      // WHY: a reader gets the error from the loop, and may never look at the promise.
      void result.catch(() => undefined);
      return queue[Symbol.asyncIterator]();
    },
  };
  return Object.assign(result, { events });
}

async function endingQueue<T, E>(queue: EventQueue<E>, work: (heard: (event: E) => void) => Promise<T>): Promise<T> {
  try {
    const result = await work((event) => queue.push(event));
    queue.end();
    return result;
  } catch (error) {
    queue.end({ error });
    throw error;
  }
}
