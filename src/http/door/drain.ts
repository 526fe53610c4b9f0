import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { breathe, EspalierError } from '../../core/index.ts';
import type { BodyReader } from './body-reader.ts';
import type { Timers } from './timers.ts';
import type { Turnstile } from './turnstile.ts';

export interface DrainOptions {
  readonly timers: Timers;
  /** How long running answers may take to finish. */
  readonly timeoutMs: number;
  readonly bodies: Pick<BodyReader, 'endAll'>;
}

/** Number of checks during a drain whether clients read. A client that has read nothing between two checks is not waited for. */
const looks = 6;

/**
 * Defines how the application closes: it begins the requests that have come, ends bodies that are still arriving, waits for running answers (streams included) until the deadline, and
 * then ends every connection. WHY not leave it to the server: it also waits for idle connections, which clients open in advance, and
 * for clients that never read.
 */
export function addDrain(app: FastifyInstance, { timers, timeoutMs, bodies }: DrainOptions): void {
  const underWay = new Set<ServerResponse>();
  let finished: (() => void) | undefined;
  app.addHook('onRequest', async (_request, reply) => {
    underWay.add(reply.raw);
    reply.raw.once('close', () => {
      underWay.delete(reply.raw);
      if (underWay.size === 0) finished?.();
    });
  });
  app.addHook('preClose', async () => {
    await begun(app.turnstile);
    bodies.endAll(new EspalierError('SHUTTING_DOWN', {}));
    if (underWay.size > 0) await drained();
    app.server.closeAllConnections();
    app.server.on('connection', (socket) => socket.destroy());
  });

  const drained = async (): Promise<void> => {
    const stopLooking = cutWhoReadNothing(underWay, timers, timeoutMs / looks);
    let cancel = (): void => undefined;
    await new Promise<void>((resolve) => {
      finished = resolve;
      cancel = timers.after(timeoutMs, resolve);
    });
    cancel();
    stopLooking();
  };
}

/** Turns of the event loop in which a body that has arrived as a whole is read. */
const turnsOfBody = 10;

/** Lets every request be begun that came before the end. WHY: it waits in the turnstile, or its body lies in the socket. */
async function begun(turnstile: Turnstile): Promise<void> {
  for (let turns = 0; turns < turnsOfBody; turns = turnstile.isIdle ? turns + 1 : 0) await breathe();
}

/** Ends connections whose answer waits in the buffers and has not progressed since the last check. */
function cutWhoReadNothing(underWay: ReadonlySet<ServerResponse>, timers: Timers, everyMs: number): () => void {
  let before = new Map<ServerResponse, number>();
  let cancel = (): void => undefined;
  const look = (): void => {
    const now = new Map<ServerResponse, number>();
    for (const response of underWay) {
      const { socket } = response;
      if (socket === null || socket.writableLength === 0) continue;
      const taken = socket.bytesWritten - socket.writableLength;
      if (before.get(response) === taken) socket.destroy();
      else now.set(response, taken);
    }
    before = now;
    cancel = timers.after(everyMs, look);
  };
  look();
  return () => cancel();
}
