import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { systemTimers } from './timers.ts';

it('runs what is late after what has arrived meanwhile, and not when it is cancelled then', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const end = await accepted;
  const seen: string[] = [];
  const whole = new Promise<void>((resolve) => {
    const cancel = systemTimers.after(1, () => seen.push('cancelled too late'));
    systemTimers.after(1, () => resolve(void seen.push('late')));
    end.once('data', () => (seen.push('arrived'), cancel()));
    client.write('a');
    for (const until = performance.now() + 5; performance.now() < until;);
  });
  await whole;
  expect(seen).toEqual(['arrived', 'late']);
  client.destroy();
  server.close();
});
