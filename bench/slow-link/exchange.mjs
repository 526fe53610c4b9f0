// One of two processes that exchange sums as two ranks of a ring do: half of the bytes each way, and then the other half. Over TCP or QUIC.
//   node exchange.mjs <tcp|quic> <0|1> <address of 0> <package of QUIC>
import { connect, createServer } from 'node:net';
import { execFileSync } from 'node:child_process';
import { webcrypto, createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const port = 7000;
const [kind = '', side = '', address = '', quicFolder = ''] = process.argv.slice(2);
const isFirst = side === '0';

/** What both kinds have in common: bytes that are sent, and bytes that come. */
function counted(send) {
  let [come, wanted, give] = [0, 0, () => {}];
  const look = () => {
    if (come < wanted || wanted === 0) return;
    come -= wanted;
    wanted = 0;
    give();
  };
  return {
    send,
    came(bytes) {
      come += bytes;
      look();
    },
    receive: (bytes) =>
      new Promise((resolve) => {
        [wanted, give] = [bytes, () => resolve(undefined)];
        look();
      }),
  };
}

async function overTcp() {
  const socket = isFirst
    ? await new Promise((resolve) =>
        createServer((each) => resolve(each)).listen(port, address, () => print('listens')),
      )
    : connect({ port, host: address });
  socket.setNoDelay(true);
  const link = counted((bytes) => void socket.write(bytes));
  socket.on('data', (bytes) => link.came(bytes.length));
  return link;
}

const print = (text) => process.stdout.write(`${text}\n`);

async function overQuic() {
  const packageAt = (name) => pathToFileURL(join(quicFolder, 'node_modules/@matrixai', name, 'dist/index.js')).href;
  const { QUICClient, QUICServer, events } = await import(packageAt('quic'));
  const { default: Logger, LogLevel } = await import(packageAt('logger'));
  const logger = new Logger('quic', LogLevel.SILENT);
  // WHY wide windows: those of the kernel's TCP grow by themselves.
  const config = {
    verifyPeer: false,
    initialMaxData: 64e6,
    initialMaxStreamDataBidiLocal: 32e6,
    initialMaxStreamDataBidiRemote: 32e6,
    readableChunkSize: 65_536,
  };
  let stream;
  if (isFirst) {
    const folder = mkdtempSync(join(tmpdir(), 'espalier-quic-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    execFileSync('openssl', [...words, '-subj', '/CN=bench', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
    rmSync(folder, { recursive: true });
    const secret = webcrypto.getRandomValues(new Uint8Array(32));
    const sign = async (_key, data) =>
      Uint8Array.from(createHmac('sha256', secret).update(Buffer.from(data)).digest()).buffer;
    const ops = {
      sign,
      verify: async (k, data, signature) => Buffer.from(await sign(k, data)).equals(Buffer.from(signature)),
    };
    const server = new QUICServer({ crypto: { key: secret.buffer, ops }, config: { ...tls, ...config }, logger });
    stream = await new Promise((resolve) => {
      server.addEventListener(events.EventQUICServerConnection.name, (connected) =>
        connected.detail.addEventListener(events.EventQUICConnectionStream.name, (opened) => resolve(opened.detail)),
      );
      void server.start({ host: address, port }).then(() => print('listens'));
    });
  } else {
    const ops = { randomBytes: async (data) => void webcrypto.getRandomValues(new Uint8Array(data)) };
    const client = await QUICClient.createQUICClient({
      host: address,
      port,
      localHost: '0.0.0.0',
      crypto: { ops },
      config,
      logger,
    });
    stream = client.connection.newStream('bidi');
  }
  const writer = stream.writable.getWriter();
  const link = counted((bytes) => void writer.write(bytes));
  void (async () => {
    for await (const bytes of stream.readable) link.came(bytes.byteLength);
  })();
  return link;
}

const link = kind === 'quic' ? await overQuic() : await overTcp();
// The first exchange opens the stream, and is a warm-up.
for (const { bytes, times } of [{ bytes: 1024, times: 2 }, ...JSON.parse(process.env['EXCHANGES'] ?? '[]')]) {
  const half = new Uint8Array(bytes / 2);
  const took = [];
  for (let i = 0; i < times; i++) {
    const begin = performance.now();
    for (let round = 0; round < 2; round++) {
      if (!isFirst || i + round > 0 || bytes !== 1024) link.send(half);
      else await link.receive(1).then(() => (link.came(1), link.send(half)));
      await link.receive(half.length);
    }
    took.push(performance.now() - begin);
  }
  if (isFirst && bytes !== 1024) print(JSON.stringify({ bytes, took }));
}
// The other may still wait for what was sent last.
setTimeout(() => process.exit(0), isFirst ? 1000 : 3000);
