import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { StreamSockets } from './stream-sockets.ts';

const open: { destroy(): void }[] = [];
afterEach(() => open.splice(0).forEach((each) => each.destroy()));

/** Two ends of a connection of which Node reads nothing. */
async function pair(): Promise<{ readonly ends: readonly [Socket, Socket]; readonly numbers: readonly number[] }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  // WHY as: a server that listens on TCP has no other kind of address.
  const { port } = server.address() as AddressInfo;
  // WHY onread: any other socket reads on until something has come, although it is paused.
  const one = connect({ port, host: '127.0.0.1', onread: { buffer: new Uint8Array(1), callback: () => false } });
  const [other] = (await once(server, 'connection')) as [Socket];
  if (one.connecting) await once(one, 'connect');
  one.pause();
  server.close();
  open.push(one, other);
  const ends = [one, other] as const;
  return { ends, numbers: ends.map((each) => Number(Reflect.get(Reflect.get(each, '_handle') as object, 'fd'))) };
}

describe.runIf(process.platform === 'linux')('sockets through the calls of the system', () => {
  const sockets = StreamSockets.open();
  if (sockets === undefined) throw new Error('there are none');

  it('give bytes to the other end, and say when there is nothing, no room and no more', async () => {
    const { ends, numbers } = await pair();
    const [one = -1, other = -1] = numbers;
    const room = new Uint8Array(8);
    expect(sockets.receive(other, room)).toBeUndefined();
    expect(sockets.send(one, Uint8Array.of(1, 2, 3), true)).toBe(3);
    expect(sockets.send(one, Uint8Array.of(4))).toBe(1);
    sockets.waitBriefly({ reading: other }, 5000);
    expect(sockets.receive(other, room)).toBe(4);
    expect([...room]).toEqual([1, 2, 3, 4, 0, 0, 0, 0]);
    const much = new Uint8Array(1 << 20);
    let sent = 0;
    for (let gone = sockets.send(one, much); gone !== undefined; gone = sockets.send(one, much)) sent += gone;
    expect(sent).toBeGreaterThan(0);
    for (let left = sent; left > 0; left -= sockets.receive(other, much) ?? 0)
      sockets.waitBriefly({ reading: other }, 100);
    ends[0].destroy();
    await sockets.wait({ reading: other }, 5000);
    expect(sockets.receive(other, room)).toBe(0);
  });

  it('say how a connection broke', async () => {
    const { ends, numbers } = await pair();
    ends[1].resetAndDestroy();
    await sockets.wait({ reading: numbers[0] }, 5000);
    expect(() => sockets.receive(numbers[0] ?? -1, new Uint8Array(1))).toThrow('it was reset');
    expect(() => sockets.send(numbers[0] ?? -1, new Uint8Array(1))).toThrow('it was reset');
  });

  it('wait no longer than told', async () => {
    const { numbers } = await pair();
    const begin = performance.now();
    sockets.waitBriefly({ reading: numbers[0] }, 2);
    await sockets.wait({ reading: numbers[0] }, 2);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(3.9);
    await sockets.wait({ writing: numbers[0] }, 60_000);
  });

  it('take what a connection is told', async () => {
    const { numbers } = await pair();
    expect(sockets.set(numbers[0] ?? -1, 'probes', 6)).toBe(true);
    expect(sockets.set(-1, 'probes', 6)).toBe(false);
  });
});
