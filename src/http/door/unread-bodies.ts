import type { FastifyInstance } from 'fastify';
import type { Timers } from './timers.ts';

/** WHY not at once: a client that is still sending would lose the answer with the connection. */
const lingerMs = 5000;

/** Ends connections on which a body still arrives after its request was answered, for example because it was refused by its headers. */
export function endUnreadBodies(app: FastifyInstance, timers: Timers): void {
  app.addHook('onResponse', async ({ raw }) => {
    if (raw.complete) return;
    const cancel = timers.after(lingerMs, () => {
      if (!raw.complete) raw.destroy();
    });
    const { socket } = raw;
    const settle = (): void => {
      cancel();
      raw.off('close', settle);
      socket.off('close', settle);
    };
    raw.on('close', settle);
    socket.on('close', settle);
  });
}
