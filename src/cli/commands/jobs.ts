import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { EspalierError } from '../../core/index.ts';
import type { JobClient, RemoteJob } from '../../http/index.ts';
import type { CommandDefinition } from '../command.ts';
import { describeJob, describeJobEvents, describeJobs } from '../describe-jobs.ts';
import { nonNegativeNumber, positiveInteger, readOptions, wholeNumber } from '../read-options.ts';
import { addServerOptions, jobClientOf, serverSchema } from '../server-options.ts';

const jobId = z.string().min(1, { error: 'the id of a job, such as ftjob-3f9a0c6d1b2e4f5a6b7c8d9e' });
const ofJob = z.object({ ...serverSchema, id: jobId });

function addJobId(command: Command): void {
  command.argument('<id>', 'the id of a job');
  addServerOptions(command);
}

export const jobsListCommand: CommandDefinition = {
  name: 'jobs list',
  summary: 'Lists the fine-tuning jobs of a running server, the newest first.',
  examples: ['espalier jobs list', 'espalier jobs list --server http://gpu-1:8000 --json'],
  configure: addServerOptions,
  async run(options, { output, signal }) {
    const jobs = await jobClientOf(readOptions(z.object(serverSchema), options), 'looks', signal).list();
    output.answer(jobs, () => describeJobs(jobs));
  },
};

export const jobsShowCommand: CommandDefinition = {
  name: 'jobs show',
  summary: 'Shows a fine-tuning job of a running server, and the checkpoints that are kept of it.',
  examples: ['espalier jobs show ftjob-3f9a0c6d1b2e4f5a6b7c8d9e'],
  configure: addJobId,
  async run(options, { output, signal }) {
    const read = readOptions(ofJob, options);
    const client = jobClientOf(read, 'looks', signal);
    const job = await client.get(read.id);
    const checkpoints = await client.checkpoints(read.id);
    output.answer({ ...job, checkpoints }, () => {
      const steps = checkpoints.map(({ step_number }) => step_number);
      return describeJob(job, steps.toReversed());
    });
  },
};

export const jobsEventsCommand: CommandDefinition = {
  name: 'jobs events',
  summary: 'Shows what happened to a fine-tuning job of a running server, the oldest first.',
  examples: ['espalier jobs events ftjob-3f9a0c6d1b2e4f5a6b7c8d9e | tail -3'],
  configure: addJobId,
  async run(options, { output, signal }) {
    const read = readOptions(ofJob, options);
    const events = await jobClientOf(read, 'looks', signal).events(read.id);
    output.answer(events, () => describeJobEvents(events));
  },
};

const orAuto = <Value extends z.ZodType>(value: Value) => z.union([z.literal('auto'), value]);
const createSchema = z.object({
  ...serverSchema,
  rows: z.string().min(1, { error: 'a file of rows, or the id of one that the server has' }),
  validation: z.string().min(1, { error: 'a file of rows, or the id of one that the server has' }).optional(),
  model: z.string().min(1, { error: 'the name of the base or of an adapter' }).optional(),
  suffix: z.string().min(1, { error: 'a text' }).optional(),
  epochs: orAuto(positiveInteger).optional(),
  batchSize: orAuto(positiveInteger).optional(),
  learningRateMultiplier: orAuto(nonNegativeNumber).optional(),
  seed: wholeNumber.optional(),
  adapter: z.string().min(1, { error: 'a name' }).optional(),
  rollout: z.enum(['immediate', 'progressive'], { error: 'immediate or progressive' }).optional(),
});

export const jobsCreateCommand: CommandDefinition = {
  name: 'jobs create',
  summary:
    'Sends rows to a running server and begins a fine-tuning job on them, whose adapter is served when it is done.',
  examples: [
    'espalier jobs create rows.jsonl --suffix support',
    'espalier jobs create rows.jsonl --validation held-out.jsonl --epochs 3 --adapter support --rollout progressive',
    'espalier jobs create file-3f9a0c6d1b2e4f5a6b7c8d9e --seed 7 --server http://gpu-1:8000 --admin-key "$KEY"',
  ],
  configure(command) {
    command
      .argument('<rows>', 'a file of rows in JSON lines, or the id of one that the server has')
      .option('--validation <rows>', 'held-out rows, likewise: the loss on them is measured')
      .option('--model <name>', 'the base, or an adapter to go on with (default: the base of the server)')
      .option('--suffix <text>', 'a part of the name that the adapter gets')
      .option('--epochs <n>', 'times through the rows (default: auto, which is 3)')
      .option('--batch-size <n>', 'rows of a step (default: auto, which is 8)')
      .option('--learning-rate-multiplier <x>', 'of the learning rate 2e-4 (default: auto, which is 1)')
      .option('--seed <n>', 'fixes the result (default: a random one)')
      .option('--adapter <name>', 'a further name that gets the adapter')
      .option('--rollout <mode>', 'how it gets it: immediate, or progressive by steps (default: as the server does)');
    addServerOptions(command);
  },
  async run(options, { output, signal }) {
    const read = readOptions(createSchema, options);
    const client = jobClientOf(read, 'changes', signal);
    const model = read.model ?? (await client.baseName());
    const training = await fileOf(client, read.rows);
    const validation = read.validation === undefined ? undefined : await fileOf(client, read.validation);
    const { epochs, batchSize, learningRateMultiplier, suffix, seed, adapter, rollout } = read;
    // JSON leaves out what is undefined.
    const job = await client.create({
      model,
      training_file: training,
      validation_file: validation,
      suffix,
      seed,
      hyperparameters: {
        n_epochs: epochs,
        batch_size: batchSize,
        learning_rate_multiplier: learningRateMultiplier,
      },
      adapter,
      rollout,
    });
    output.answer(job, () => describeJob(job));
  },
};

/** @returns the id of rows on the server. A file of this machine is sent. @throws EspalierError FILE_NOT_FOUND */
async function fileOf(client: JobClient, place: string): Promise<string> {
  const isThere = (await stat(place).catch(() => undefined))?.isFile() === true;
  if (isThere) return client.upload(place);
  if (place.startsWith('file-')) return place;
  throw new EspalierError('FILE_NOT_FOUND', { what: 'file of rows', path: place });
}

interface Verb {
  readonly verb: 'cancel' | 'pause' | 'resume';
  readonly summary: string;
  told(job: RemoteJob): string;
}

function commandOf({ verb, summary, told }: Verb): CommandDefinition {
  return {
    name: `jobs ${verb}`,
    summary,
    examples: [`espalier jobs ${verb} ftjob-3f9a0c6d1b2e4f5a6b7c8d9e`],
    configure: addJobId,
    async run(options, { output, signal }) {
      const read = readOptions(ofJob, options);
      const job = await jobClientOf(read, 'changes', signal).command(read.id, verb);
      output.answer(job, () => told(job));
    },
  };
}

export const jobsCancelCommand = commandOf({
  verb: 'cancel',
  summary: 'Ends a fine-tuning job of a running server at once; what it has learned is removed.',
  told: ({ id, status }) => `${id} is ${status}`,
});

export const jobsPauseCommand = commandOf({
  verb: 'pause',
  summary: 'Holds a fine-tuning job of a running server after its step; its place is free for others.',
  told: ({ id, status }) => `${id} is ${status}`,
});

export const jobsResumeCommand = commandOf({
  verb: 'resume',
  summary: 'Goes on with a fine-tuning job of a running server that is held.',
  told: ({ id }) => `${id} goes on`,
});
