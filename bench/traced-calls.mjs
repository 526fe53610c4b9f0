// What metrics and traces take of a request by themselves, without a model: the processor time of their calls, with the sending.
//
//   node bench/traced-calls.mjs [--requests 2000] [--rounds 3]
//
// Each request has a span of its own, one of its generation, and three of its stages, and is counted in the series, as a server does it.
// The spans go by OTLP over HTTP (protobuf) to a receiver in a process of its own, whose time does not count. The first round is the one
// in which code is compiled.
import { parseArgs } from 'node:util';
import { openReceiver } from './trace-receiver.mjs';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
  },
});
await measure();

async function measure() {
  const receiver = await openReceiver();
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = receiver.endpoint;
  process.env.OTEL_BSP_SCHEDULE_DELAY = '100';
  const { openTracing, ServerMetrics } = await import('#internal/telemetry');
  const metrics = new ServerMetrics({ version: 'bench' });
  const tracing = await openTracing('bench');
  const requests = Number(values.requests);

  const traced = (at) => {
    const trace = tracing.begin({
      method: 'POST',
      route: '/v1/completions',
      requestId: `r${at}`,
      traceparent: undefined,
      operation: 'text_completion',
    });
    tracing.ended({ ...endedAt(at), origin: trace }, 'base');
    trace.end({ status: 200, isWhole: true });
  };
  const counted = (at) => {
    metrics.ended(endedAt(at));
    metrics.answered({ method: 'POST', route: '/v1/completions', status: 200, seconds: 0.3 });
  };
  /** Microseconds of processor time for each request. */
  const costOf = async (call) => {
    const before = process.cpuUsage();
    for (let at = 0; at < requests; at++) {
      call(at);
      // The server has other things to do between requests, such as to send.
      if (at % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / requests;
  };
  for (let round = 0; round < Number(values.rounds); round++) {
    const [waiting, series, spans] = [await costOf(() => undefined), await costOf(counted), await costOf(traced)];
    const shown = { round, metricsUs: Math.round(series - waiting), tracesUs: Math.round(spans - waiting) };
    process.stdout.write(`${JSON.stringify(shown)}\n`);
  }
  await tracing[Symbol.asyncDispose]();
  metrics[Symbol.dispose]();
  await receiver.close();
}

/** @returns {any} */
function endedAt(at) {
  return {
    how: 'finished',
    isBackground: false,
    adapters: [{ name: 'a', version: 'f'.repeat(64), scale: 1 }],
    promptTokens: 64,
    cachedTokens: 0,
    generatedTokens: 32,
    times: { arrived: at, admitted: at + 1, firstToken: at + 10, finished: at + 300 },
    asked: { maxTokens: 32, temperature: 0 },
    finishReason: 'length',
  };
}
