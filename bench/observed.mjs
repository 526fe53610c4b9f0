// What metrics and traces cost: the throughput of a server with both beside that of one with neither.
//
//   node bench/observed.mjs --base DIR [--pairs 40] [--seconds 2] [--clients 8] [--prompt 64] [--tokens 32] [--threads 2] [--send-ms 1000] [--scrape-s 15] [--node FILE] [--limit 240] [--null]
//
// Two servers of one build run at the same time, and are asked in turns, for short blocks, so that what else the machine does touches
// both alike. The observed one writes each request's spans by OTLP over HTTP (protobuf) to a receiver in a process of its own. Spans are
// sent every `--send-ms` (OpenTelemetry's default is 5,000), and `/metrics` is asked for once in `--scrape-s` seconds of blocks. WHY not
// with each block: both cost the same however few requests a slow machine answers meanwhile. Blocks go ABBA, each is followed by a pause
// in which the last spans are sent, and each pair gives a ratio of requests per second. Printed are the median of the ratios with the
// bounds within which the true median lies with 95 %, and the same of the processor time that the server takes for a request, and of
// that of its main thread, both with the sending. It ends early after `--limit` seconds. `--node` runs the servers with another Node.
// `--null` compares a server with its like.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openBaseModel } from '#internal/models';
import { askFor, complete, promptOf } from './served-process.mjs';
import { openReceiver } from './trace-receiver.mjs';
import { median, medianBounds } from './statistics.mjs';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    pairs: { type: 'string', default: '40' },
    seconds: { type: 'string', default: '2' },
    clients: { type: 'string', default: '8' },
    prompt: { type: 'string', default: '64' },
    tokens: { type: 'string', default: '32' },
    threads: { type: 'string', default: '2' },
    'send-ms': { type: 'string', default: '1000' },
    'scrape-s': { type: 'string', default: '15' },
    node: { type: 'string', default: process.execPath },
    limit: { type: 'string', default: '240' },

    null: { type: 'boolean', default: false },
  },
});
if (values.base === undefined) throw new Error('Name the base: --base DIR');
const { base, threads, clients: slots } = values;
const [pairs, seconds, clients, length, maxTokens] = [
  values.pairs,
  values.seconds,
  values.clients,
  values.prompt,
  values.tokens,
].map(Number);
const [sendMs, scrapeMs] = [Number(values['send-ms']), 1000 * Number(values['scrape-s'])];
/** Longer than spans wait to be sent. */
const pauseMs = sendMs + 200;

const { config } = await openBaseModel(base);
const receiver = await openReceiver();

const observed = values.null ? [] : ['--observed'];
const [bare, watched] = [await start([]), await start(observed)];
try {
  let place = 0;
  for (const server of [bare, watched, bare, watched]) await block(server, 1);
  const [speeds, costs, ofMain] = [[], [], []];
  let counted = 0;
  const latest = performance.now() + 1000 * Number(values.limit);
  for (let pair = 0; pair < pairs && performance.now() < latest; pair++) {
    const order = pair % 2 === 0 ? [bare, watched] : [watched, bare];
    const results = new Map();
    for (const server of order) results.set(server, await block(server, seconds));
    const [without, having] = [results.get(bare), results.get(watched)];
    speeds.push(having.perSecond / without.perSecond);
    costs.push(having.cpuMs / without.cpuMs);
    ofMain.push(having.mainMs / without.mainMs);
    counted += without.requests + having.requests;
  }
  const shown = (ratios) => ({ median: median(ratios), bounds95: medianBounds(ratios) });
  const result = {
    work: 'observed',
    pairs: speeds.length,
    requests: counted,
    throughput: shown(speeds),
    processorTime: shown(costs),
    processorTimeOfMainThread: shown(ofMain),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);

  /** Asks for some seconds. The processor time includes the pause, in which the rest of the spans is sent. */
  async function block(server, blockSeconds) {
    const [before, mainBefore] = [await server.cpuMs(), await server.mainMs()];
    const prompt = () => promptOf(place++, length, config.vocabSize);
    const ask = () => complete(server.url, { model: 'base', prompt: prompt(), maxTokens });
    const scrape = async () => {
      server.sinceScrape += 1000 * blockSeconds;
      if (server.sinceScrape < scrapeMs) return;
      server.sinceScrape -= scrapeMs;
      await new Promise((resolve) => setTimeout(resolve, 500 * blockSeconds));
      // The bare server answers that there is no such route.
      await (await fetch(`${server.url}/metrics`)).text();
    };
    const [{ answers, ms }] = await Promise.all([askFor({ seconds: blockSeconds, clients, ask }), scrape()]);
    const requests = answers.length;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const [used, usedOfMain] = [(await server.cpuMs()) - before, (await server.mainMs()) - mainBefore];
    return { requests, perSecond: (1000 * requests) / ms, cpuMs: used / requests, mainMs: usedOfMain / requests };
  }
} finally {
  await bare.stop();
  await watched.stop();
  await receiver.close();
}

async function start(words) {
  const program = fileURLToPath(new URL('observed-server.mjs', import.meta.url));
  const child = fork(program, ['--base', base, '--threads', threads, '--slots', slots, ...words], {
    execPath: values.node,
    env: {
      UV_THREADPOOL_SIZE: '8',
      ...process.env,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: String(sendMs),
    },
  });
  const ended = once(child, 'exit');
  const [{ url }] = await Promise.race([
    once(child, 'message'),
    ended.then(([code]) => Promise.reject(new Error(`a server ended with ${code}`))),
  ]);
  return {
    url,
    sinceScrape: 0,
    /** Processor time of the process so far, with its threads. Linux counts it in hundredths of a second. */
    async cpuMs() {
      const fields = (await readFile(`/proc/${child.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
      return 10 * (Number(fields[11]) + Number(fields[12]));
    },
    /** That of its main thread alone, on which JavaScript runs. */
    async mainMs() {
      const used = await readFile(`/proc/${child.pid}/task/${child.pid}/schedstat`, 'utf8');
      return Number(used.split(' ')[0]) / 1e6;
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
