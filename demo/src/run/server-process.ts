import { serve, type Server } from 'espalier';
import { watchEventLoop, type EventLoopDelay } from './event-loop-delay.ts';

/** Messages from the demo to its server, and the server's answers. */
export type ToServer =
  | { readonly kind: 'open'; readonly base: string; readonly adapters: string; readonly threads: number }
  | { readonly kind: 'watch' }
  | { readonly kind: 'stop-watching' }
  | { readonly kind: 'close' };

export type FromServer =
  | { readonly kind: 'opened'; readonly url: string; readonly baseName: string }
  | { readonly kind: 'watched'; readonly delay: EventLoopDelay; readonly peakRssMb: number }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly message: string };

let server: Server | undefined;
let stopWatching: (() => EventLoopDelay) | undefined;

// WHY its own process: the measured event loop must be the server's, without the work of the clients.
process.on('message', (message: ToServer) => {
  act(message).catch((error: unknown) => answer({ kind: 'failed', message: String(error) }));
});
process.on('disconnect', () => process.exit(1));

async function act(message: ToServer): Promise<void> {
  switch (message.kind) {
    case 'open': {
      const { base, adapters, threads } = message;
      server = await serve({ base, adapters, threads, port: 0 });
      return answer({ kind: 'opened', url: server.url, baseName: server.baseName ?? '' });
    }
    case 'watch':
      stopWatching = watchEventLoop();
      return;
    case 'stop-watching':
      if (stopWatching === undefined) throw new Error('Nothing is watched');
      return answer({
        kind: 'watched',
        delay: stopWatching(),
        peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
      });
    case 'close':
      await server?.close();
      answer({ kind: 'closed' });
      process.disconnect();
      return;
    default:
      message satisfies never;
  }
}

function answer(message: FromServer): void {
  process.send?.(message);
}
