// A server of a base as `espalier serve` composes it, with metrics and traces or with neither. `observed.mjs` starts it.
//
//   node bench/observed-server.mjs --base DIR [--observed] [--threads 2] [--slots 8]
//
// WHY a program of its own: a server of the package always has metrics.
import { parseArgs } from 'node:util';
import { openEnvironment } from '#internal/onnxruntime';
import { createApp } from '#internal/http';
import { openBaseModel } from '#internal/models';
import { openGeneration } from '#internal/service';
import { openTracing, ServerMetrics } from '#internal/telemetry';
import { openTokenizer } from '#internal/tokenizer';
// WHY by its path: it belongs to the server, and is nothing for others.
import { RequestTraces } from '../dist/http/traces/trace-requests.js';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    observed: { type: 'boolean', default: false },
    threads: { type: 'string', default: '2' },
    slots: { type: 'string', default: '8' },
  },
});
const baseName = 'base';
const base = await openBaseModel(values.base ?? '');
const environment = openEnvironment({ threads: Number(values.threads) });
const metrics = values.observed ? new ServerMetrics({ version: 'bench' }) : undefined;
const tracing = values.observed ? await openTracing('bench') : undefined;
if (values.observed && tracing === undefined) throw new Error('Set OTEL_EXPORTER_OTLP_ENDPOINT');
const { context, sources } = await openGeneration({
  base,
  tokenizer: await openTokenizer(base.dir),
  environment,
  baseName,
  adaptersFolder: undefined,
  maxSlots: Number(values.slots),
  maxLength: undefined,
  dora: undefined,
  ...(values.observed && {
    onEnd: (ended) => {
      metrics?.ended(ended);
      tracing?.ended(ended, baseName);
    },
  }),
});
const door = { apiKey: undefined, isReady: () => true, isShuttingDown: () => false };
metrics?.attach({ ...sources, isReady: door.isReady });
const traces = tracing && new RequestTraces(tracing);
const app = createApp(door, { generation: { ...door, ...context } }, { metrics, traces });
await app.listen({ host: '127.0.0.1', port: 0 });
const { port } = /** @type {import('node:net').AddressInfo} */ (app.server.address());
process.send?.({ url: `http://127.0.0.1:${port}` });
process.once('disconnect', () => process.exit());
