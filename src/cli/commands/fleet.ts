import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { baseChecks, loadAdapter } from '../../adapter-files/index.ts';
import { writeAtomically } from '../../atomic-files/index.ts';
import { EspalierError } from '../../core/index.ts';
import { formatManifest, type NewFleet, parseManifest } from '../../fleet/index.ts';
import type { FleetClient, RemoteFleet, RemotePlan } from '../../http/index.ts';
import { basePath, fingerprintBase, modelName, openBaseModel } from '../../models/index.ts';
import { listAdapterFolders } from '../../routing/index.ts';
import { filesAt } from '../adapter-file-list.ts';
import { reasonText } from '../change-options.ts';
import { type CommandDefinition, exitCodes } from '../command.ts';
import { describeFleet, describePlan } from '../describe-fleet.ts';
import { path, readOptions } from '../read-options.ts';
import { addServerOptions, clientOf, fleetClientOf, serverSchema } from '../server-options.ts';

const initSchema = z.object({
  adapters: path,
  base: path,
  output: path.default('fleet.yaml'),
  name: z.string().min(1, { error: 'a name' }).default('fleet'),
  force: z.boolean().default(false),
});

export const fleetInitCommand: CommandDefinition = {
  name: 'fleet init',
  summary: 'Writes the first fleet.yaml: every adapter of a folder under its name, by its digest.',
  examples: ['espalier fleet init --adapters adapters --base demo/base --output fleet.yaml'],
  configure: (command) =>
    void command
      .requiredOption('--adapters <dir>', 'folder of adapters')
      .requiredOption('--base <dir>', 'the base of all of them')
      .option('--output <file>', 'the manifest (default: fleet.yaml)')
      .option('--name <name>', 'the name of the fleet (default: fleet)')
      .option('--force', 'replace the file that is there'),
  async run(options, { output }) {
    const read = readOptions(initSchema, options);
    const fleet = await newFleet(read);
    const text = formatManifest(fleet);
    parseManifest(text);
    await writeAtomically(read.output, (file) => file.writeFile(text), { replace: read.force });
    const { length } = fleet.adapters;
    const answer = { output: read.output, adapters: length, fingerprint: fleet.base.fingerprint };
    output.answer(answer, () => `${read.output} declares ${length} ${length === 1 ? 'adapter' : 'adapters'}`);
  },
};

async function newFleet({ adapters: folder, base: dir, output, name }: z.output<typeof initSchema>): Promise<NewFleet> {
  const base = await openBaseModel(dir);
  const checks = await baseChecks(base);
  const root = dirname(resolve(output));
  const adapters: NewFleet['adapters'][number][] = [];
  for (const listed of await listAdapterFolders(folder)) {
    if (listed.problem !== undefined) throw listed.problem;
    const { digest } = await loadAdapter(listed.path, base.modules, checks);
    // WHY the place as it was named: the real one may lie elsewhere, and the repository holds the link.
    const place = join(resolve(folder), basename(listed.path));
    const inside = relative(root, place);
    const isInside = !inside.startsWith('..') && inside !== '' && resolve(root, inside) === place;
    const posixPath = (text: string): string => text.split(sep).join('/');
    adapters.push({
      name: listed.name,
      digest,
      place: isInside ? { path: posixPath(inside) } : { folder: basename(listed.path) },
    });
  }
  return { name, base: { name: modelName(basePath(base)), fingerprint: await fingerprintBase(base) }, adapters };
}

const fileSchema = z.object({ ...serverSchema, file: path.default('fleet.yaml') });

export const fleetDiffCommand: CommandDefinition = {
  name: 'fleet diff',
  summary: 'Says what a fleet.yaml would change on a running server. Ends with 1 if something would.',
  examples: ['espalier fleet diff', 'espalier fleet diff fleet.yaml --server http://gpu-1:8000'],
  configure(command) {
    command.argument('[file]', 'the manifest (default: fleet.yaml)');
    addServerOptions(command);
  },
  async run(options, { output, signal }) {
    const { file, ...server } = readOptions(fileSchema, options);
    const plan = await fleetClientOf(server, 'looks', signal).diff(await manifestAt(file));
    output.answer(plan, () => describePlan(plan));
    return plan.changes === 0 ? exitCodes.success : exitCodes.failure;
  },
};

export const fleetApplyCommand: CommandDefinition = {
  name: 'fleet apply',
  summary: 'Makes a running server as a fleet.yaml says, in one transaction. Sends the adapters that it lacks.',
  examples: ['espalier fleet apply', 'espalier fleet apply fleet.yaml --server http://gpu-1:8000 --admin-key "$KEY"'],
  configure(command) {
    command.argument('[file]', 'the manifest (default: fleet.yaml)');
    addServerOptions(command);
  },
  async run(options, { output, signal }) {
    const { file, ...server } = readOptions(fileSchema, options);
    const text = await manifestAt(file);
    const client = fleetClientOf(server, 'changes', signal);
    const { missing } = await client.diff(text);
    await sendMissing(text, { missing, file, send: (name, at) => send(name, at, server, signal) });
    const plan: RemotePlan = await client.apply(text);
    output.answer(plan, () => describePlan(plan));
  },
};

async function manifestAt(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'manifest of a fleet', path: file }, { cause });
  });
  // WHY here too: a mistake is told before a server is asked.
  parseManifest(text);
  return text;
}

interface Sending {
  readonly missing: readonly string[];
  readonly file: string;
  /** @returns the digest of what was sent */
  readonly send: (name: string, at: string) => Promise<string>;
}

/** Sends what lies beside the manifest and is not in the store of the server. Its folders are the server's own affair. */
async function sendMissing(text: string, { missing, file, send: sendOne }: Sending): Promise<void> {
  const { spec } = parseManifest(text);
  const plain = (digest: string): string => digest.replace(/^sha256:/, '');
  for (const { digest, path: place } of spec.adapters) {
    if (place === undefined || !missing.includes(plain(digest))) continue;
    const alias = spec.aliases.find(
      (one) => plain(one.digest) === plain(digest) || plain(one.canary?.digest ?? '') === plain(digest),
    );
    const at = join(dirname(resolve(file)), place);
    await stat(at).catch((cause: unknown) => {
      throw new EspalierError('FILE_NOT_FOUND', { what: 'adapter', path: at }, { cause });
    });
    const actual = await sendOne(alias?.name ?? basename(place), at);
    if (actual !== plain(digest)) {
      throw new EspalierError('FLEET_DIGEST_MISMATCH', { path: place, expected: plain(digest), actual });
    }
  }
}

async function send(
  name: string,
  at: string,
  server: Parameters<typeof clientOf>[0],
  signal: AbortSignal,
): Promise<string> {
  const files = await filesAt(at);
  const { version } = await clientOf(server, 'changes', signal).upload({
    name,
    files,
    isPublished: false,
    reason: 'for a fleet',
  });
  return version;
}

export const fleetStatusCommand: CommandDefinition = {
  name: 'fleet status',
  summary: 'Shows what Git says beside what lives on a running server, and who changed it last.',
  examples: ['espalier fleet status', 'espalier fleet status --server http://gpu-1:8000 --json'],
  configure: addServerOptions,
  async run(options, { output, signal }) {
    const fleet = await fleetClientOf(readOptions(z.object(serverSchema), options), 'looks', signal).status();
    output.answer(fleet, () => describeFleet(fleet));
  },
};

export const fleetWatchCommand: CommandDefinition = {
  name: 'fleet watch',
  summary: 'Shows how the fleet of a running server stands, each time that this changes, until Ctrl-C.',
  examples: ['espalier fleet watch', 'espalier fleet watch --server http://gpu-1:8000 --json'],
  configure: addServerOptions,
  async run(options, { output, signal, json }) {
    const client = fleetClientOf(readOptions(z.object(serverSchema), options), 'looks', signal);
    let last = '';
    for await (const fleet of statesOf(client, signal)) {
      // The age always changes.
      const shown = JSON.stringify({ ...fleet, age_seconds: null });
      if (shown === last) continue;
      last = shown;
      if (json) output.event(fleet);
      else output.stream(`${new Date().toISOString()}  ${describeFleet(fleet)}\n\n`);
    }
  },
};

async function* statesOf(client: FleetClient, signal: AbortSignal): AsyncGenerator<RemoteFleet> {
  while (!signal.aborted) {
    yield await client.status();
    await wait(1000, undefined, { signal }).catch(() => undefined);
  }
}

const pauseSchema = z.object({ ...serverSchema, reason: reasonText.optional() });

function pausing(what: 'pause' | 'resume', summary: string): CommandDefinition {
  return {
    name: `fleet ${what}`,
    summary,
    examples: [`espalier fleet ${what} --reason "ticket 17"`],
    configure(command) {
      command.option('--reason <text>', 'why, for the audit record');
      addServerOptions(command);
    },
    async run(options, { output, signal }) {
      const { reason, ...server } = readOptions(pauseSchema, options);
      const fleet = await fleetClientOf(server, 'changes', signal)[what](reason);
      output.answer(fleet, () => describeFleet(fleet));
    },
  };
}

export const fleetPauseCommand = pausing(
  'pause',
  'Keeps a running server from following its fleet: nothing is applied, and nothing that others change is put back.',
);

export const fleetResumeCommand = pausing('resume', 'Lets a running server follow its fleet again, at once.');
