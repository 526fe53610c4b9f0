import { z } from 'zod';
import type { AdapterClient, RemoteAdapter } from '../../http/index.ts';
import { fallbacks } from '../../routing/index.ts';
import { adapterName, addChangeOptions, changeSchema, versionStart, type Wants, wantsOf } from '../change-options.ts';
import type { CommandContext, CommandDefinition } from '../command.ts';
import { describeRemote, describeRemotes } from '../describe-remote.ts';
import { readOptions } from '../read-options.ts';
import { addServerOptions, clientOf, serverSchema } from '../server-options.ts';
import { wholeVersion } from '../whole-version.ts';

/** WHY shorter than a minute: proxies end requests that take longer. */
const drainWaitMs = 30_000;

export const adapterListCommand: CommandDefinition = {
  name: 'adapter list',
  summary: 'Lists the adapters of a running server: versions, states, memory and requests.',
  examples: ['espalier adapter list', 'espalier adapter list --server http://gpu-1:8000 --admin-key "$KEY" --json'],
  configure: addServerOptions,
  async run(options, { output, signal }) {
    const adapters = await clientOf(readOptions(z.object(serverSchema), options), 'looks', signal).list();
    output.answer(adapters, () => describeRemotes(adapters));
  },
};

export const adapterStatusCommand: CommandDefinition = {
  name: 'adapter status',
  summary: 'Shows what a running server knows of an adapter, with its history; without a name, all adapters.',
  examples: [
    'espalier adapter status support',
    'espalier adapter status support --shards',
    'espalier adapter status --server http://127.0.0.1:9000 --json',
  ],
  configure(command) {
    command
      .argument('[name]', 'the name of an adapter')
      .option('--shards', 'also show where each array of its weights lies in its file and in memory');
    addServerOptions(command);
  },
  async run(options, { output, signal }) {
    const read = readOptions(
      z.object({ ...serverSchema, name: adapterName.optional(), shards: z.boolean().optional() }),
      options,
    );
    const client = clientOf(read, 'looks', signal);
    if (read.name === undefined) {
      const adapters = await client.list();
      return output.answer(adapters, () => describeRemotes(adapters));
    }
    const adapter = await client.get(read.name);
    return output.answer(adapter, () => describeRemote(adapter, read));
  },
};

interface ChangeSettings<Schema extends z.ZodRawShape> {
  readonly verb: string;
  readonly summary: string;
  readonly examples: readonly string[];
  /** The arguments after the name, for commander. */
  readonly argument?: readonly [name: string, description: string];
  readonly option?: readonly [flags: string, description: string];
  readonly schema: Schema;
  change(
    client: AdapterClient,
    read: z.output<z.ZodObject<typeof changeSchema & Schema>>,
    wants: Wants,
  ): Promise<RemoteAdapter>;
  told(adapter: RemoteAdapter): string;
}

/** A command that changes one name. */
function changeCommand<Schema extends z.ZodRawShape>(settings: ChangeSettings<Schema>): CommandDefinition {
  const { verb, summary, examples, argument, option, schema } = settings;
  return {
    name: `adapter ${verb}`,
    summary,
    examples,
    configure(command) {
      command.argument('<name>', 'the name of an adapter');
      if (argument) command.argument(...argument);
      if (option) command.option(...option);
      addChangeOptions(command, 'history');
    },
    async run(options, { output, signal }) {
      const read = readOptions(z.object({ ...changeSchema, ...schema }), options);
      const client = clientOf(read as z.output<z.ZodObject<typeof serverSchema>>, 'changes', signal);
      const adapter = await settings.change(
        client,
        read,
        await wantsOf(client, read as z.output<z.ZodObject<typeof changeSchema>>),
      );
      output.answer(adapter, () => settings.told(adapter));
    },
  };
}

export const adapterPublishCommand = changeCommand({
  verb: 'publish',
  summary: 'Points a name of a running server to a version: of its history, of its store, or of another name.',
  examples: ['espalier adapter publish support 3f9a01 --reason "new terms"'],
  argument: ['<version>', 'the SHA-256 of the version; of the history also its first characters'],
  schema: { version: versionStart },
  change: async (client, read, { reason, expected }) => {
    const whole = await wholeVersion(client, read.name, read.version);
    return client.change({ name: read.name, action: 'publish', body: { version: whole, ...reason }, expected });
  },
  told: pointsTo,
});

export const adapterRollbackCommand = changeCommand({
  verb: 'rollback',
  summary: 'Points a name of a running server to the version before, or to another of its history.',
  examples: [
    'espalier adapter rollback support --reason "wrong tone"',
    'espalier adapter rollback support --to 3f9a01',
  ],
  option: ['--to <version>', 'a version of the history (default: the one before the present one)'],
  schema: { to: versionStart.optional() },
  change: async (client, read, { reason, expected }) => {
    const to = read.to === undefined ? undefined : await wholeVersion(client, read.name, read.to);
    const body = { ...(to === undefined ? {} : { to }), ...reason };
    return client.change({ name: read.name, action: 'rollback', body, expected });
  },
  told: pointsTo,
});

export const adapterPinCommand = changeCommand({
  verb: 'pin',
  summary: 'Keeps a name of a running server at its version until it is unpinned.',
  examples: ['espalier adapter pin support --reason audit', 'espalier adapter pin support --weights'],
  option: ['--weights', 'also keep its weights in memory'],
  schema: { weights: z.boolean().default(false) },
  change: (client, read, { reason, expected }) =>
    client.change({ name: read.name, action: 'pin', body: { weights: read.weights, ...reason }, expected }),
  told: ({ name: of, version: at }) => `${of} stays at ${at}`,
});

export const adapterUnpinCommand = changeCommand({
  verb: 'unpin',
  summary: 'Lets a pinned name of a running server move again.',
  examples: ['espalier adapter unpin support'],
  schema: {},
  change: (client, read, { reason, expected }) =>
    client.change({ name: read.name, action: 'unpin', body: reason, expected }),
  told: ({ name: of }) => `${of} can move again`,
});

export const adapterResumeCommand = changeCommand({
  verb: 'resume',
  summary: 'Takes new requests again for a drained name of a running server.',
  examples: ['espalier adapter resume support'],
  schema: {},
  change: (client, read, { reason, expected }) =>
    client.change({ name: read.name, action: 'resume', body: reason, expected }),
  told: ({ name: of }) => `${of} takes requests`,
});

export const adapterSetCommand = changeCommand({
  verb: 'set',
  summary: 'Declares who answers for the versions of a name of a running server that fail.',
  examples: ['espalier adapter set support --fallback base', 'espalier adapter set support --fallback server'],
  option: [
    '--fallback <who>',
    `${fallbacks.join(', ')}, or server: what the server does for all names (espalier serve --fallback)`,
  ],
  schema: { fallback: z.enum([...fallbacks, 'server'], { error: `${fallbacks.join(', ')} or server` }) },
  change: (client, read, { reason, expected }) => {
    const fallback = read.fallback === 'server' ? null : read.fallback;
    return client.set({ name: read.name, body: { fallback, ...reason }, expected });
  },
  told: ({ name: of, fallback }) => `${of} falls back to: ${fallback?.answers}`,
});

export const adapterDrainCommand: CommandDefinition = {
  name: 'adapter drain',
  summary: 'Takes no new requests for a name of a running server, and waits until the last one has ended.',
  examples: ['espalier adapter drain support', 'espalier adapter drain support --no-wait'],
  configure(command) {
    command.argument('<name>', 'the name of an adapter').option('--no-wait', 'do not wait for requests under way');
    addChangeOptions(command, 'history');
  },
  async run(options, context) {
    const read = readOptions(z.object({ ...changeSchema, wait: z.boolean().default(true) }), options);
    const client = clientOf(read, 'changes', context.signal);
    const adapter = await drain(client, read, { ...(await wantsOf(client, read)), context });
    context.output.answer(adapter, () =>
      adapter.requests === 0
        ? `${read.name} is drained`
        : `${read.name} takes no new requests; ${adapter.requests} are under way`,
    );
  },
};

async function drain(
  client: AdapterClient,
  { name: of, wait }: { readonly name: string; readonly wait: boolean },
  { reason, expected, context }: Wants & { readonly context: CommandContext },
): Promise<RemoteAdapter> {
  const ask = (waitMs: number): Promise<RemoteAdapter> =>
    client.change({ name: of, action: 'drain', body: { wait_ms: waitMs, ...reason }, expected });
  let adapter = await ask(0);
  while (wait && adapter.draining && adapter.requests > 0) {
    context.output.note(`${adapter.requests} requests are under way…`);
    adapter = await ask(drainWaitMs);
  }
  return adapter;
}

export const adapterDeleteCommand: CommandDefinition = {
  name: 'adapter delete',
  summary: 'Removes a name from a running server. Requests under way finish.',
  examples: ['espalier adapter delete support --if-version 3f9a01'],
  configure(command) {
    command.argument('<name>', 'the name of an adapter');
    addChangeOptions(command, 'history');
  },
  async run(options, { output, signal }) {
    const read = readOptions(z.object(changeSchema), options);
    const client = clientOf(read, 'changes', signal);
    const { reason, expected } = await wantsOf(client, read);
    await client.remove({ name: read.name, body: reason, expected });
    output.answer({ name: read.name, deleted: true }, () => `${read.name} is removed`);
  },
};

function pointsTo({ name: of, version: at }: RemoteAdapter): string {
  return `${of} is at ${at}`;
}
