// Runs both acts of the demo while a real Prometheus scrapes its servers, and compares what the clients counted with the series.
//
//   npm run build && node test/prometheus/run.mjs
//
// It needs `prometheus`, as Debian's package of that name installs it; PROMETHEUS may name the program. Takes a minute or two.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { demoDefaults } from '../../demo/dist/run/options.js';
import { secondAct } from '../../demo/dist/run/second-act.js';
import { startServer } from '../../demo/dist/run/server-handle.js';
import { swapUnderLoad } from '../../demo/dist/run/swap-under-load.js';
import { trainPolicies } from '../../demo/dist/run/train-policies.js';

const patienceMs = 60_000;
const options = { ...demoDefaults, epochs: 1, swaps: 20, clients: 8, json: true };
const folder = await mkdtemp(join(tmpdir(), 'espalier-prometheus-'));
const differences = [];
let compared = 0;

await trainPolicies(folder, options, () => undefined);
const prometheus = await startPrometheus();
try {
  await firstAct();
  await afterwards();
} finally {
  await prometheus.stop();
  await rm(folder, { recursive: true, force: true });
}
for (const line of differences) process.stderr.write(`${line}\n`);
process.stdout.write(`${compared} figures of the report compared with Prometheus, ${differences.length} differ\n`);
process.exitCode = differences.length === 0 && compared > 0 ? 0 : 1;

async function firstAct() {
  const { base, threads } = options;
  const server = await startServer({ base, adapters: folder, threads });
  try {
    await prometheus.scrape('first', server.url);
    const { alone, ...swap } = await swapUnderLoad(server.url, server.baseName, options);
    const figures = await prometheus.figures('first');
    const ended = swap.requests - swap.failed + alone.requests;
    compare('requests that ended', ended, await figures('espalier_requests_total{outcome="finished"}'));
    compare('requests that failed', swap.failed, await figures('espalier_requests_total{outcome="failed"}'));
    compare(
      'answers of HTTP',
      ended,
      await figures('espalier_http_requests_total{route="/v1/chat/completions",status="200"}'),
    );
    compare('tokens', swap.tokens + alone.tokens, await figures('espalier_generated_tokens_total'));
    compare(
      'replacements',
      swap.swaps + alone.swaps,
      await figures('espalier_adapter_events_total{event="replace",result="done"}'),
    );
    compare('requests by adapter', ended, await figures('espalier_adapter_requests_total{outcome="finished"}'));
    compare('adapters', 2, await figures('espalier_adapters{state="serving"}'));
    compare('requests that still run', 0, await figures('vllm:num_requests_running'));
    compare('leases that are left', 0, await figures('espalier_adapter_leases'));
  } finally {
    await server.close();
  }
}

async function afterwards() {
  const { base, threads, clients } = options;
  const store = join(folder, 'store');
  const server = await startServer({ base, store, threads });
  try {
    await prometheus.scrape('second', server.url);
    const { rollouts, requests, failed } = await secondAct({ url: server.url, store, adapters: folder, clients });
    const figures = await prometheus.figures('second');
    const phases = rollouts.map(({ phase }) => phase);
    compare(
      'answers of HTTP',
      requests - failed,
      await figures('espalier_http_requests_total{route="/v1/chat/completions",status="200"}'),
    );
    compare(
      'requests that failed',
      failed,
      await figures('espalier_http_requests_total{route="/v1/chat/completions",status=~"5.."}'),
    );
    const rolledBack = phases.filter((phase) => phase === 'failed').length;
    const failures = await figures('espalier_adapter_events_total{event="rollout",result="failed"}');
    compare('roll-outs that failed', rolledBack, failures);
    const quarantined = await figures('espalier_adapter_events_total{event="quarantine"}');
    compare('versions in quarantine', rolledBack, quarantined);
    compare(
      'roll-outs that are promoted now',
      1,
      await figures('espalier_rollout_phase{adapter="risk-strict",phase="promoted"}'),
    );
    compare('leases that are left', 0, await figures('espalier_adapter_leases'));
  } finally {
    await server.close();
  }
}

function compare(what, reported, scraped) {
  compared++;
  if (reported !== scraped) differences.push(`${what}: the report says ${reported}, Prometheus ${scraped}`);
}

async function startPrometheus() {
  const targets = join(folder, 'targets.json');
  await writeFile(targets, '[]');
  const config = join(folder, 'prometheus.yml');
  await writeFile(
    config,
    JSON.stringify({
      global: { scrape_interval: '500ms', scrape_timeout: '400ms' },
      scrape_configs: [{ job_name: 'espalier', file_sd_configs: [{ files: [targets], refresh_interval: '1s' }] }],
    }),
  );
  const url = `http://127.0.0.1:${await freePort()}`;
  const words = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, 'tsdb')}`,
    `--web.listen-address=${new URL(url).host}`,
    '--log.level=warn',
  ];
  const child = spawn(process.env.PROMETHEUS ?? 'prometheus', words, { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  await until(async () => (await fetch(`${url}/-/ready`).catch(() => undefined))?.status === 200, 'Prometheus');
  /** @returns the values of the query, with the times of their scrapes */
  const query = async (text) => {
    const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(text)}`);
    const { data } = await answer.json();
    return data.result.map(({ value }) => Number(value[1]));
  };
  return {
    /** Scrapes a server from now on. */
    async scrape(act, server) {
      const list = [{ targets: [new URL(server).host], labels: { act } }];
      await writeFile(`${targets}.new`, JSON.stringify(list));
      await rename(`${targets}.new`, targets);
      await until(async () => (await query(`up{act="${act}"}`))[0] === 1, `the scrape of ${server}`);
    },
    /** The values of the next scrape that begins after now. */
    async figures(act) {
      const now = Date.now() / 1000;
      await until(
        async () => ((await query(`timestamp(up{act="${act}"})`))[0] ?? 0) > now + 1,
        'a scrape after the load',
      );
      // WHY the sum: a figure of the report is over all labels that it does not name. No series is a counter that never counted.
      return async (text) => {
        const [name, labels = ''] = text.replace('}', '').split('{');
        const all = [labels, `act="${act}"`].filter((part) => part !== '').join();
        return (await query(`sum(${name}{${all}})`))[0] ?? 0;
      };
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

async function until(isSo, what) {
  const end = Date.now() + patienceMs;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
