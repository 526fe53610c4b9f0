import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { fakeContext } from '../testing/fake-context.ts';
import { exchangeBytes } from '../testing/raw-request.ts';

let app: FastifyInstance;
beforeEach(async () => {
  const context = fakeContext();
  app = createApp(context, { generation: context });
  await app.listen({ host: '127.0.0.1', port: 0 });
});
afterEach(() => app.close());

/** Status and error of each answer on a connection. */
async function answersTo(bytes: string): Promise<unknown[]> {
  const answers = (await exchangeBytes(app, bytes)).split(/(?=HTTP\/1\.1 \d)/).filter((text) => text !== '');
  return answers.map((text) => {
    const [head = '', body = ''] = text.split('\r\n\r\n');
    expect(head).toMatch(/content-type: application\/json/i);
    const { error } = JSON.parse(body) as { error?: { code: string; message: string } };
    return [Number(head.slice(9, 12)), error?.code ?? 'none'];
  });
}

const models = 'GET /v1/models HTTP/1.1\r\nhost: localhost\r\n';
const large = `x: ${'a'.repeat(20_000)}\r\n`;
const last = 'connection: close\r\n\r\n';

describe('what Node would answer without a body', () => {
  it.each<[what: string, bytes: string, answers: unknown[]]>([
    ['a request without a Host', `GET /v1/models HTTP/1.1\r\n${last}`, [[400, 'request_invalid']]],
    ['a public route without a Host', `GET /health HTTP/1.1\r\n${last}`, [[400, 'request_invalid']]],
    ['HTTP/1.0, which needs no Host', 'GET /v1/models HTTP/1.0\r\n\r\n', [[200, 'none']]],
    ['large headers', `${models}${large}\r\n`, [[431, 'headers_too_large']]],
    ['what is no HTTP', 'hello\r\n\r\n', [[400, 'request_invalid']]],
    ['another protocol', 'GET /v1/models HTTP/3.7\r\nhost: a\r\n\r\n', [[400, 'request_invalid']]],
    ['a wrong length', `${models}content-length: x\r\n\r\n`, [[400, 'request_invalid']]],
    ['two lengths', `${models}content-length: 1\r\ncontent-length: 2\r\n\r\n`, [[400, 'request_invalid']]],
    ['a tunnel', 'CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n', [[400, 'request_invalid']]],
    ['an unknown expectation, which may be ignored', `${models}expect: tea\r\n${last}`, [[200, 'none']]],
    [
      'an upgrade, which may be ignored',
      `${models}upgrade: websocket\r\nconnection: upgrade, close\r\n\r\n`,
      [[200, 'none']],
    ],
    [
      'a fault after a whole answer',
      `${models}\r\n${models}${large}\r\n`,
      [
        [200, 'none'],
        [431, 'headers_too_large'],
      ],
    ],
  ])('%s', async (_, bytes, answers) => {
    expect(await answersTo(bytes)).toEqual(answers);
  });
});
