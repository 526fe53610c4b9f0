import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EspalierError } from '../../core/index.ts';
import { createApp } from '../app.ts';
import { type KeysEvent, onKeysEvent } from '../keys/keys-events.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { readCertificate } from './read-certificate.ts';
import { TlsCertificate } from './tls-certificate.ts';

/** Certificates of the tests for `localhost`, each with its key. */
const fixture = (name: string): string =>
  fileURLToPath(new URL(`../testing/certificates/${name}.pem`, import.meta.url));

let folder: string;
let files: { readonly cert: string; readonly key: string };
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-tls-'));
  files = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  await use('one');
});
afterEach(() => rm(folder, { recursive: true }));

async function use(name: string): Promise<void> {
  await copyFile(fixture(name), files.cert);
  await copyFile(fixture(`${name}-key`), files.key);
}

describe('readCertificate', () => {
  const problemOf = async (): Promise<string> => {
    const error: unknown = await readCertificate(files).catch((thrown: unknown) => thrown);
    return EspalierError.isInstance(error) ? `${error.code} ${error.message}` : 'none';
  };

  it('reads a certificate with its key', async () => {
    expect((await readCertificate(files)).validTo.getTime()).toBeGreaterThan(Date.parse('2100-01-01'));
  });

  it('refuses the key of another certificate, what is none, and what is not there', async () => {
    await copyFile(fixture('two-key'), files.key);
    expect(await problemOf()).toContain('TLS_INVALID');
    expect(await problemOf()).toContain('is not the key of the certificate');
    await writeFile(files.key, 'secret');
    expect(await problemOf()).toContain('is not a private key in PEM');
    expect(await problemOf()).not.toContain('secret');
    await writeFile(files.cert, 'nothing');
    expect(await problemOf()).toContain('is not a certificate in PEM');
    await rm(files.cert);
    expect(await problemOf()).toContain('FILE_NOT_FOUND');
  });
});

describe('a server with a certificate', () => {
  let app: FastifyInstance;
  let certificate: TlsCertificate;
  let events: KeysEvent[];
  let heard: Disposable;
  beforeEach(async () => {
    events = [];
    heard = onKeysEvent((event) => events.push(event));
    certificate = await TlsCertificate.open(files, { after: () => () => undefined });
    const context = fakeContext();
    app = createApp(context, { generation: context }, { tls: certificate });
    await app.listen({ port: 0, host: '127.0.0.1' });
  });
  afterEach(async () => {
    heard[Symbol.dispose]();
    certificate[Symbol.dispose]();
    await app.close();
  });

  const port = (): number => (app.server.address() as AddressInfo).port;

  /** The name in the certificate that a new connection gets. */
  const presented = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port: port(), host: '127.0.0.1', rejectUnauthorized: false }, () => {
        const { subject }: PeerCertificate = socket.getPeerCertificate();
        resolve(String(subject.CN));
        socket.destroy();
      }).once('error', reject);
    });

  const answerOf = (name: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      void readCertificate({ cert: fixture(name), key: fixture(`${name}-key`) }).then(({ cert }) => {
        request({ port: port(), host: 'localhost', path: '/v1/models', ca: cert, agent: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .once('error', reject)
          .end();
      });
    });

  it('answers by HTTPS to who trusts the certificate, and to nobody else', async () => {
    expect(await answerOf('one')).toBe(200);
    await expect(answerOf('two')).rejects.toThrow(/self-signed|certificate/);
  });

  it('gives new connections the certificate that was renewed, and keeps those that are open', async () => {
    const open = await new Promise<TLSSocket>((resolve, reject) => {
      const socket = connect({ port: port(), host: '127.0.0.1', rejectUnauthorized: false }, () => resolve(socket));
      socket.once('error', reject);
    });
    await use('two');
    await certificate.look();
    expect(await presented()).toBe('one.test');
    await certificate.look();
    expect(await presented()).toBe('two.test');
    expect(await answerOf('two')).toBe(200);
    const line = new Promise<string>((resolve) => open.once('data', (data) => resolve(String(data).slice(0, 12))));
    open.write('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n');
    expect(await line).toBe('HTTP/1.1 200');
    open.destroy();
    expect(events.map(({ event }) => event)).toEqual(['certificate', 'certificate']);
  });

  it('keeps its certificate while the files do not fit, and says so once', async () => {
    await copyFile(fixture('two'), files.cert);
    for (let i = 0; i < 4; i++) await certificate.look();
    expect(await presented()).toBe('one.test');
    expect(events.map(({ event }) => event)).toEqual(['certificate', 'certificate-refused']);
    await copyFile(fixture('two-key'), files.key);
    for (let i = 0; i < 2; i++) await certificate.look();
    expect(await presented()).toBe('two.test');
  });
});
