#!/usr/bin/env bash
# openai (npm): the stream helper keeps only the last piece of a model's reasoning.
#
# Packages: openai 7.59.0.
# Expected: `chat.completions.stream(...).finalChatCompletion()` puts the pieces of the stream
#   together: all of `content`, and all of every other text that comes in pieces.
# Seen: `content`, `refusal` and tool calls are joined. Any other field of a delta replaces the one
#   before it, so that the final message holds the last piece of `reasoning_content` alone.
# Why it matters: vLLM, SGLang and others stream what a reasoning model thinks as
#   `reasoning_content` pieces. The helper's final message looks right and has lost them.
#   Collect such fields from the `chunk` events.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts 'openai@7.59.0'
cat > finding.mjs <<'JAVASCRIPT'
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import OpenAI from 'openai';

const { version } = JSON.parse(readFileSync('node_modules/openai/package.json', 'utf8'));
const deltas = [
  { role: 'assistant', content: '', reasoning_content: 'First ' },
  { reasoning_content: 'this, ' },
  { reasoning_content: 'then that.' },
  { content: 'The ' },
  { content: 'answer.' },
];
const server = createServer((request, response) => {
  request.resume();
  response.setHeader('content-type', 'text/event-stream');
  deltas.forEach((delta, at) => {
    const finish_reason = at === deltas.length - 1 ? 'stop' : null;
    const chunk = { id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  });
  response.end('data: [DONE]\n\n');
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const client = new OpenAI({ apiKey: 'none', baseURL: `http://127.0.0.1:${server.address().port}/v1` });
const stream = client.chat.completions.stream({ model: 'm', messages: [{ role: 'user', content: 'Why?' }] });
const { message } = (await stream.finalChatCompletion()).choices[0];
server.close();

console.log('openai', version, '| node', process.version);
console.log('content:           ', JSON.stringify(message.content));
console.log('expected reasoning:', JSON.stringify('First this, then that.'));
console.log('seen reasoning:    ', JSON.stringify(message.reasoning_content));
if (message.content !== 'The answer.' || message.reasoning_content !== 'then that.') {
  console.log('CHANGED: the final message is put together in another way');
  process.exit(1);
}
console.log('The finding holds.');
JAVASCRIPT
node finding.mjs
