import { serve, type Server } from 'espalier';
import { watchEventLoop, type EventLoopDelay } from './event-loop-delay.ts';

/** Messages from the demo to its server, and the server's answers. */
export type ToServer =
  | {
      readonly kind: 'open';
      readonly base: string;
      readonly threads: number;
      readonly adapters?: string | undefined;
      /** A store in the place of the folder, in which new versions are rolled out by steps. */
      readonly store?: string | undefined;
    }
  | { readonly kind: 'watch' }
  | { readonly kind: 'stop-watching' }
  | { readonly kind: 'close' };

export type FromServer =
  | { readonly kind: 'opened'; readonly url: string; readonly baseName: string }
  | { readonly kind: 'watched'; readonly delay: EventLoopDelay; readonly peakRssMb: number }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly message: string };

/**
 * WHY not the defaults: a step of them lasts a minute and 200 calls. The divergence that is allowed is large, because a version that
 * learned more is meant to answer otherwise.
 */
const rolloutOptions = {
  steps: [
    { mirror: 1, minimumMs: 1000, minimumSamples: 40 },
    { share: 0.25, minimumMs: 1000, minimumSamples: 40 },
    { share: 1, minimumMs: 1000, minimumSamples: 40 },
  ],
  limits: { divergence: 3, agreement: 0.3, errorIncrease: 0.3, latencyRatio: 3, falsePromotion: 0.25 },
};

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
      const { base, adapters, store, threads } = message;
      const source = store === undefined ? { adapters } : { store, rollout: 'progressive' as const, rolloutOptions };
      server = await serve({ base, ...source, threads, port: 0 });
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
