import { z } from 'zod';
import type { AdapterClient, RemoteRollout } from '../../http/index.ts';
import { adapterName, addChangeOptions, changeSchema, versionStart, type Wants, wantsOf } from '../change-options.ts';
import type { CommandDefinition } from '../command.ts';
import { describeNoise, describeRollout, describeRollouts } from '../describe-rollout.ts';
import { readOptions } from '../read-options.ts';
import { rolloutSteps } from '../rollout-steps.ts';
import { addServerOptions, clientOf, serverSchema } from '../server-options.ts';
import { wholeVersion } from '../whole-version.ts';

export const rolloutStartCommand: CommandDefinition = {
  name: 'rollout start',
  summary: 'Brings a version into service by steps beside the one that a name of a running server has.',
  examples: [
    'espalier rollout start support 3f9a01',
    'espalier rollout start support 3f9a01 --steps shadow=50%:30s,25%:5m,100% --reason "new terms"',
  ],
  configure(command) {
    command
      .argument('<name>', 'the name of an adapter')
      .argument('<version>', 'the SHA-256 of the new version; of the history also its first characters')
      .option('--steps <steps>', 'shadow or a share of the keys each (default: those of the server)');
    addChangeOptions(command, 'events');
  },
  async run(options, { output, signal }) {
    const schema = z.object({ ...changeSchema, version: versionStart, steps: rolloutSteps.optional() });
    const read = readOptions(schema, options);
    const client = clientOf(read, 'changes', signal);
    const { reason, expected } = await wantsOf(client, read);
    const candidate = await wholeVersion(client, read.name, read.version);
    const steps = read.steps?.map(snakeCased);
    const body = { candidate, ...(steps && { steps }), ...reason };
    const rollout = await client.rollout({ name: read.name, method: 'POST', body, expected });
    output.answer(rollout, () => describeRollout(rollout));
  },
};

export const rolloutStatusCommand: CommandDefinition = {
  name: 'rollout status',
  summary: 'Shows the roll-out of a name of a running server, and what was seen; without a name, all roll-outs.',
  examples: ['espalier rollout status support', 'espalier rollout status --server http://gpu-1:8000 --json'],
  configure(command) {
    command.argument('[name]', 'the name of an adapter');
    addServerOptions(command);
  },
  async run(options, { output, signal }) {
    const read = readOptions(z.object({ ...serverSchema, name: adapterName.optional() }), options);
    const client = clientOf(read, 'looks', signal);
    if (read.name === undefined) {
      const rollouts = await client.rollouts();
      return output.answer(rollouts, () => describeRollouts(rollouts));
    }
    const rollout = await client.rollout({ name: read.name, method: 'GET' });
    return output.answer(rollout, () => describeRollout(rollout));
  },
};

export const rolloutNoiseCommand: CommandDefinition = {
  name: 'rollout noise',
  summary: 'Shows what a version of a running server differs from itself by, or with --start measures it.',
  examples: ['espalier rollout noise support --start', 'espalier rollout noise support'],
  configure(command) {
    command
      .argument('<name>', 'the name of an adapter')
      .option('--start', 'compare the version of the name with itself on the requests that come')
      .option('--samples <n>', 'requests that are compared (default: 200)')
      .option('--share <share>', 'share of the requests that is compared (default: 0.1)');
    addChangeOptions(command, 'events');
  },
  async run(options, { output, signal }) {
    const number = z.coerce.number().optional();
    const schema = { ...changeSchema, start: z.boolean().default(false), samples: number, share: number };
    const read = readOptions(z.object(schema), options);
    const client = clientOf(read, read.start ? 'changes' : 'looks', signal);
    const { reason, expected } = await wantsOf(client, read);
    const { samples, share } = read;
    const body = { ...(samples !== undefined && { samples }), ...(share !== undefined && { share }), ...reason };
    const noise = await (read.start
      ? client.noise({ name: read.name, method: 'POST', body, expected })
      : client.noise({ name: read.name, method: 'GET' }));
    output.answer(noise, () => describeNoise(noise));
  },
};

interface Verb {
  readonly verb: 'promote' | 'abort' | 'pause' | 'resume';
  readonly summary: string;
  readonly example: string;
}

/** A command of a person. */
function commandOf({ verb, summary, example }: Verb): CommandDefinition {
  return changeCommand({ verb, summary, example }, (client, { name: of, reason, expected }) =>
    client.rollout({ name: of, method: 'PATCH', body: { action: verb, ...reason }, expected }),
  );
}

function changeCommand(
  { verb, summary, example }: { readonly verb: string; readonly summary: string; readonly example: string },
  change: (client: AdapterClient, wants: Wants) => Promise<RemoteRollout>,
): CommandDefinition {
  return {
    name: `rollout ${verb}`,
    summary,
    examples: [example],
    configure(command) {
      command.argument('<name>', 'the name of an adapter');
      addChangeOptions(command, 'events');
    },
    async run(options, { output, signal }) {
      const read = readOptions(z.object(changeSchema), options);
      const client = clientOf(read, 'changes', signal);
      const rollout = await change(client, await wantsOf(client, read));
      output.answer(rollout, () => describeRollout(rollout));
    },
  };
}

export const rolloutPromoteCommand = commandOf({
  verb: 'promote',
  summary: 'Gives the new version of a roll-out everything now, whatever was seen.',
  example: 'espalier rollout promote support --reason "seen enough"',
});

export const rolloutAbortCommand = commandOf({
  verb: 'abort',
  summary: 'Ends a roll-out: the version before answers everything again.',
  example: 'espalier rollout abort support',
});

export const rolloutPauseCommand = commandOf({
  verb: 'pause',
  summary: 'Holds a roll-out at its step.',
  example: 'espalier rollout pause support --reason "release on Monday"',
});

export const rolloutResumeCommand = commandOf({
  verb: 'resume',
  summary: 'Goes on with a roll-out that is held.',
  example: 'espalier rollout resume support',
});

export const rolloutClearCommand = changeCommand(
  {
    verb: 'clear',
    summary: 'Lets the version of a failed roll-out be used again; aborts one that runs.',
    example: 'espalier rollout clear support --reason "the cause was the machine"',
  },
  (client, { name: of, reason, expected }) => client.rollout({ name: of, method: 'DELETE', body: reason, expected }),
);

function snakeCased(step: object): Record<string, unknown> {
  const entries = Object.entries(step).map(([key, value]) => [
    key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    value as unknown,
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}
