// A receiver of spans by OTLP over HTTP that reads and forgets them, in a process of its own, whose time does not count.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(import.meta.url);
const isReceiver = process.argv[1] === file;
if (isReceiver) await receive();

/** @returns {Promise<{ endpoint: string, close(): Promise<void> }>} */
export async function openReceiver() {
  const child = fork(file);
  const ended = once(child, 'exit');
  const [{ port }] = await once(child, 'message');
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async close() {
      child.disconnect();
      await ended;
    },
  };
}

async function receive() {
  const receiver = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  process.send?.(receiver.address());
  process.once('disconnect', () => process.exit());
}
