import { subscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';

/** WHY so long: the others must have noticed by its silence, and not because its connections end with the process. */
const livesOnMs = 4000;

/**
 * Prepares a process to lose its network, as when a cable is pulled: nothing that it sends leaves it, nothing that is sent to it arrives,
 * and no connection ends. WHY within the process: rules of a firewall and namespaces of networks need rights that a test may not have.
 * @returns cuts it off. The process ends some time after it wanted to.
 */
export function prepareCut(): () => void {
  const sockets = new Set<Socket>();
  let isCut = false;
  const add = (message: unknown): void => {
    const { socket } = message as { readonly socket: unknown };
    if (!(socket instanceof Socket)) return;
    sockets.add(socket);
    if (isCut) silence(socket);
  };
  subscribe('net.client.socket', add);
  subscribe('net.server.socket', add);
  return () => {
    isCut = true;
    for (const socket of sockets) silence(socket);
    // WHY not when it wants to: what ends its connections would be heard.
    const look = setInterval(() => {
      if (process.exitCode === undefined) return;
      clearInterval(look);
      setTimeout(() => process.exit(), livesOnMs);
    }, 50);
  };
}

/** Nothing is read from a socket or written to it any more, and it stays open. */
function silence(socket: Socket): void {
  const nothing = (): Socket => socket;
  // WHY not only `pause`: whoever uses the socket would resume it.
  socket.pause();
  Object.assign(socket, { resume: nothing, destroy: nothing, end: nothing, write: () => false });
  // WHY the number as well: the system's own calls do not ask the socket.
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle === 'object' && handle !== null) Object.defineProperty(handle, 'fd', { value: -1 });
  // What a paused socket has read already is let go of.
  socket.removeAllListeners('data');
}
