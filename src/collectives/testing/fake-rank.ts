import { freePort } from '../transport/tcp/free-port.ts';
import { introduce } from '../transport/tcp/handshake.ts';
import { Link } from '../transport/tcp/link.ts';
import { Listener } from '../transport/tcp/listener.ts';
import { Messages } from '../transport/tcp/messages.ts';
import { openTcp, type TcpOptions } from '../transport/tcp/open-tcp.ts';
import { ProcessGroup } from '../process-group.ts';

export const testKey = 'a key of this test';

/** Rank 0 of two, and a rank 1 that joins as it should and then does what a test lets it do. */
export interface FakeRank {
  readonly group: ProcessGroup;
  /** The link with rank 0 for the life of the group. */
  readonly control: Messages;
  /** Sends bytes to rank 0 as if they were numbers. */
  send(bytes: Uint8Array): void;
  /** Ends one of its two links for numbers, and says nothing of it: that on which it sends, or that on which rank 0 does. */
  hangUp(which: 'sending' | 'listening'): void;
  /** Breaks all links at once, as a process does that is killed. */
  die(): void;
  close(): void;
}

export async function fakeRank(options: Partial<TcpOptions> = {}): Promise<FakeRank> {
  const signal = new AbortController().signal;
  const master = { host: '127.0.0.1', port: await freePort() };
  const common = { worldSize: 2, master, key: testKey, joinTimeoutMs: 5000, timeoutMs: 60_000 };
  const opening = openTcp({ ...common, rank: 0, ...options });
  const control = await messagesTo(master.port);
  await introduce(control, testKey, { rank: 1, worldSize: 2, purpose: 'control' });
  let next: Messages | undefined;
  const listener = await Listener.open({
    host: '127.0.0.1',
    port: 0,
    key: testKey,
    judge: () => undefined,
    onPeer: (_, messages) => (next = messages),
    onRefused: () => undefined,
  });
  control.send({ kind: 'listening', host: '127.0.0.1', port: listener.port });
  while (kindOf(await control.next()) !== 'table');
  const before = new Messages(await Link.connect(master, { signal }));
  await introduce(before, testKey, { rank: 1, worldSize: 2, purpose: 'ring' });
  before.link.use({ room: () => new Uint8Array(1 << 16), received: () => true, take: () => true }, () => undefined);
  control.send({ kind: 'ready' });
  const group = new ProcessGroup(await opening);
  const die = (): void => [control, before, next].forEach((messages) => messages?.link.close());
  const hangUp = (which: 'sending' | 'listening'): void => {
    const { link } = (which === 'sending' ? next : before) ?? before;
    link.socket.end();
  };
  const close = (): void => {
    die();
    listener.close();
  };
  return { group, control, hangUp, die, close, send: (bytes) => void next?.link.socket.write(bytes) };
}

/** Connects to a port of this machine. */
export async function messagesTo(port: number): Promise<Messages> {
  const { signal } = new AbortController();
  for (;;) {
    const link = await Link.connect({ host: '127.0.0.1', port }, { signal }).catch(() => undefined);
    if (link !== undefined) return new Messages(link);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function kindOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'kind' in message ? message.kind : undefined;
}
