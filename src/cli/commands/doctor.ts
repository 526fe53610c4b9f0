import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import { readServer } from '../../http/index.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { findingsOf, type Finding } from '../doctor/findings.ts';
import { seriesLines } from '../doctor/series-lines.ts';
import { readOptions } from '../read-options.ts';
import { addServerOptions, serverSchema, watchKeyOf } from '../server-options.ts';

/** What is asked of a server, by the name under which it is told. */
const routes = {
  health: '/health',
  ready: '/ready',
  models: '/v1/models',
  adapters: '/v1/adapters',
  rollouts: '/v1/rollouts',
} as const;

/** Series that are one line for each bucket are left out: they are many, and say little at one moment. */
const bucket = /^[\w:]+_bucket\b/;

/** Most lines of series that are told. */
const maxLines = 2000;

/** What a part of a server said. */
interface Part {
  readonly status: number | undefined;
  /** JSON where it is JSON, else its text; why it could not be asked. */
  readonly said: unknown;
}

export interface Diagnosis {
  readonly server: string;
  /** ISO 8601, in UTC. */
  readonly time: string;
  readonly client: { readonly node: string; readonly platform: string };
  /** Labels of `espalier_build_info`. */
  readonly build: Readonly<Record<string, string>> | undefined;
  readonly findings: readonly Finding[];
  readonly parts: Readonly<Record<keyof typeof routes, Part>>;
  /** Series without buckets; the first lines of them. */
  readonly metrics: readonly string[];
  /** Why there are none. */
  readonly metricsProblem: string | undefined;
}

export const doctorCommand: CommandDefinition = {
  name: 'doctor',
  summary: 'Collects what the page of an alert asks for: health, adapters, roll-outs, breakers, series, versions.',
  examples: [
    'espalier doctor',
    'espalier doctor --server http://gpu-1:8000 --admin-key "$KEY" --json > diagnosis.json',
  ],
  configure: addServerOptions,
  async run(options, context) {
    const diagnosis = await diagnose(readOptions(z.object(serverSchema), options), context);
    context.output.answer(diagnosis, () => describe(diagnosis));
  },
};

async function diagnose(
  { server, adminKey }: { readonly server: string; readonly adminKey?: string | undefined },
  { signal }: CommandContext,
): Promise<Diagnosis> {
  const at = { server, key: watchKeyOf(adminKey), signal };
  const ask = async (path: string): Promise<Part> => {
    try {
      const { status, text } = await readServer(at, path);
      return { status, said: parsed(text) };
    } catch (error) {
      signal.throwIfAborted();
      return { status: undefined, said: EspalierError.isInstance(error) ? error.message : String(error) };
    }
  };
  const asked = Object.entries(routes).map(async ([name, path]) => [name, await ask(path)] as const);
  const [metrics, ...parts] = await Promise.all([ask('/metrics'), ...asked]);
  const text = metrics.status === 200 && typeof metrics.said === 'string' ? metrics.said : undefined;
  const lines = seriesLines(text ?? '');
  return {
    server,
    time: new Date().toISOString(),
    client: { node: process.versions.node, platform: `${process.platform} ${process.arch}` },
    build: lines.find(({ name }) => name === 'espalier_build_info')?.labels,
    findings: [...downOf(metrics, text), ...findingsOf(lines)],
    parts: Object.fromEntries(parts) as Diagnosis['parts'],
    metrics: (text ?? '')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#') && !bucket.test(line))
      .slice(0, maxLines),
    metricsProblem: text === undefined ? wordsOf(metrics) : undefined,
  };
}

/** A server that refuses the key is not down: what is wrong is told with the series. */
function downOf(metrics: Part, text: string | undefined): Finding[] {
  if (text !== undefined || metrics.status === 401 || metrics.status === 403) return [];
  return [{ alert: 'EspalierDown', what: `/metrics: ${wordsOf(metrics)}` }];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function wordsOf({ status, said }: Part): string {
  const words = typeof said === 'string' ? said : JSON.stringify(said);
  return `${status === undefined ? '' : `${status} `}${words.slice(0, 300)}`;
}

function describe({ server, build, findings, parts, metrics, metricsProblem }: Diagnosis): string {
  const version = build === undefined ? '' : `, espalier ${build['version'] ?? '?'} on Node ${build['node'] ?? '?'}`;
  const states = Object.entries(parts).map(([name, part]) => {
    return `${name.padEnd(10)}${part.status === 200 ? 'answers' : wordsOf(part)}`;
  });
  const found = findings.map(({ alert, what }) => `- ${what} (docs/alerts/${alert}.md)`);
  return [
    `${server}${version}`,
    ...states,
    `${'series'.padEnd(10)}${metricsProblem ?? `${metrics.length} lines; --json has them, and all answers`}`,
    ...(found.length > 0 ? ['What stands out:', ...found] : [noneFound(metricsProblem)]),
  ].join('\n');
}

function noneFound(problem: string | undefined): string {
  if (problem === undefined) return 'Nothing stands out at this moment.';
  return 'Nothing can be found without the series: give a key that may look (--admin-key, $ESPALIER_READ_KEY).';
}
