// Serves a base over HTTP in its own process, and measures requests per second, the time to the first token and the peak memory of the
// server.
//
//   node bench/serve.mjs --base DIR [--adapters DIR] [--build DIR] [--threads 2] [--clients 8] [--requests 64] [--prompt 64] [--tokens 32]
//
// Prints one line of JSON. With adapters, each client requests them in turn.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openBaseModel } from '#internal/models';
import { complete, promptOf, quantile, runLoad, startServer } from './served-process.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    adapters: { type: 'string' },
    build: { type: 'string', default: fileURLToPath(new URL('..', import.meta.url)) },
    threads: { type: 'string', default: '2' },
    clients: { type: 'string', default: '8' },
    requests: { type: 'string', default: '64' },
    prompt: { type: 'string', default: '64' },
    tokens: { type: 'string', default: '32' },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const [clients, requests, length, maxTokens] = [values.clients, values.requests, values.prompt, values.tokens].map(
  Number,
);

const { config } = await openBaseModel(values.base);
const words = [
  '--base',
  values.base,
  '--served-name',
  'base',
  '--threads',
  values.threads,
  '--max-slots',
  values.clients,
];
const server = await startServer(values.build, [...words, ...(values.adapters ? ['--adapters', values.adapters] : [])]);
try {
  /** @type {any} */
  const { data } = await (await fetch(`${server.url}/v1/models`)).json();
  const names = data.map(({ id }) => id).filter((id) => id !== 'base');
  const ask = (place) => {
    const model = names.length === 0 ? 'base' : names[place % names.length];
    return complete(server.url, { model, prompt: promptOf(place, length, config.vocabSize), maxTokens });
  };
  await runLoad({ requests: clients, clients, ask });
  const { requestsPerSecond, firstMs } = await runLoad({ requests, clients, ask });
  const result = {
    work: 'serve',
    clients,
    requests,
    adapters: names.length,
    readyMs: Math.round(server.readyMs),
    requestsPerSecond,
    tokensPerSecond: requestsPerSecond * maxTokens,
    firstMsP50: quantile(firstMs, 0.5),
    firstMsP99: quantile(firstMs, 0.99),
    peakRssMb: await server.peakMb(),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
} finally {
  await server.stop();
}
