import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { EventLoopDelay } from './event-loop-delay.ts';
import type { FromServer, ToServer } from './server-process.ts';

/** The demo's server, which runs in its own process. */
export interface ServerHandle {
  readonly url: string;
  readonly baseName: string;
  watch(): void;
  stopWatching(): Promise<{ delay: EventLoopDelay; peakRssMb: number }>;
  /** Finishes running answers and ends the process. */
  close(): Promise<void>;
}

export async function startServer(options: {
  readonly base: string;
  readonly threads: number;
  readonly adapters?: string;
  readonly store?: string;
}): Promise<ServerHandle> {
  const child = fork(fileURLToPath(new URL('./server-process.js', import.meta.url)));
  const opened = await ask(child, { kind: 'open', ...options }, 'opened');
  return {
    url: opened.url,
    baseName: opened.baseName,
    watch: () => child.send({ kind: 'watch' } satisfies ToServer),
    stopWatching: () => ask(child, { kind: 'stop-watching' }, 'watched'),
    async close() {
      const ended = once(child, 'exit');
      await ask(child, { kind: 'close' }, 'closed');
      await ended;
    },
  };
}

type Answer<Kind extends FromServer['kind']> = Extract<FromServer, { kind: Kind }>;

async function ask<Kind extends FromServer['kind']>(
  child: ChildProcess,
  question: ToServer,
  kind: Kind,
): Promise<Answer<Kind>> {
  const ended = new AbortController();
  const { signal } = ended;
  const exit = once(child, 'exit', { signal }).then(() => {
    throw new Error('The server ended before it answered');
  });
  exit.catch(() => undefined);
  const answered = once(child, 'message', { signal });
  child.send(question);
  try {
    const [message] = (await Promise.race([answered, exit])) as [FromServer];
    if (message.kind === 'failed') throw new Error(message.message);
    if (message.kind !== kind) throw new Error(`Expected the answer ${kind}, got ${message.kind}`);
    return message as Answer<Kind>;
  } finally {
    ended.abort();
  }
}
