import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { AnswerClient } from '../../http/index.ts';
import { remoteAnswerer } from './answerers.ts';
import type { Conversation } from './conversation.ts';

const conversation: Conversation = {
  model: 'base',
  adapters: [],
  system: undefined,
  turns: [{ role: 'user', content: 'Hello' }],
  drawing: { temperature: 0, topP: 1, maxTokens: undefined },
};

/** The fields that a server gets for a question. */
async function sentFor(asked: Conversation): Promise<unknown> {
  let sent = '';
  await using server = createServer((request, answer) => {
    request.on('data', (piece: Buffer) => (sent += piece.toString()));
    request.on('end', () => answer.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: [DONE]\n\n'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { signal } = new AbortController();
  const answerer = remoteAnswerer(new AnswerClient({ server: `http://127.0.0.1:${port}` }), signal);
  for await (const _ of answerer.answer(asked, signal));
  server.closeAllConnections();
  return JSON.parse(sent);
}

it('sends a server no limit of tokens unless one was set, because the server knows what fits', async () => {
  expect(await sentFor(conversation)).not.toHaveProperty('max_tokens');
  const limited = { ...conversation, drawing: { ...conversation.drawing, maxTokens: 9 } };
  expect(await sentFor(limited)).toMatchObject({ max_tokens: 9, messages: [{ role: 'user', content: 'Hello' }] });
});
