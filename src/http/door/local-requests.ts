import type { IncomingMessage } from 'node:http';
import { BlockList } from 'node:net';
import { EspalierError } from '../../core/index.ts';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Headers of proxies. A proxy on this machine passes on the requests of others. */
const forwarded = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'] as const;

/**
 * Refuses a request that does not come from this machine.
 * @throws EspalierError ADMIN_KEY_MISSING, READ_KEY_MISSING
 */
export function assertLocal(
  { socket, headers }: Pick<IncomingMessage, 'headers'> & { readonly socket: Peer },
  access: 'admin' | 'read',
): void {
  if (isLoopback(socket.remoteAddress) && forwarded.every((name) => headers[name] === undefined)) return;
  throw new EspalierError(access === 'admin' ? 'ADMIN_KEY_MISSING' : 'READ_KEY_MISSING', {});
}

interface Peer {
  readonly remoteAddress?: string | undefined;
}

/** An address of the other end that is not known is not this machine's. */
function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return loopback.check(plain, plain.includes(':') ? 'ipv6' : 'ipv4');
}
