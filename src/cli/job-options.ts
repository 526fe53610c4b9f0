import type { Command } from 'commander';
import { z } from 'zod';
import { EspalierError } from '../core/index.ts';
import type { ServerOptions } from '../http/index.ts';
import { path, positiveInteger } from './read-options.ts';
import { secretTextOf } from './secret.ts';
import { keyOf } from './server-options.ts';

type JobSettings = NonNullable<ServerOptions['jobs']>;

/** Options of `espalier serve` for fine-tuning jobs. */
export const jobSchema = {
  jobs: path.optional(),
  maxJobs: positiveInteger.optional(),
  jobThreads: positiveInteger.optional(),
  jobMemory: positiveInteger.optional(),
  jobSigningKey: z.string().min(1, { error: 'a secret key' }).optional(),
  jobWebhook: z.url({ protocol: /^https?$/, error: 'a URL such as https://example.com/hook' }).optional(),
  jobWebhookSecret: z.string().min(1, { error: 'a secret' }).optional(),
};

export function addJobOptions(command: Command): void {
  command
    .option('--jobs <dir>', "take fine-tuning jobs through OpenAI's API, and keep them in this folder; needs --store")
    .option('--max-jobs <n>', 'jobs that train at once; others wait (default: 1)')
    .option('--job-threads <n>', 'threads of a training that compute (default: a quarter of the cores, one at least)')
    .option(
      '--job-memory <mb>',
      'memory of its own that a training may take (default: a quarter of what is available, for all together)',
    )
    .option(
      '--job-signing-key <key>',
      'a secret key of minisign without a password, by which their adapters are signed for --policy: file:PATH, env:NAME or sops:PATH#key',
    )
    .option('--job-webhook <url>', 'where changes of the states of jobs are told, signed as OpenAI signs webhooks')
    .option(
      '--job-webhook-secret <secret>',
      'the secret by which they are signed, such as whsec_… (default: $ESPALIER_WEBHOOK_SECRET)',
    );
}

type Given = { readonly [Name in keyof typeof jobSchema]?: z.output<(typeof jobSchema)[Name]> };

/** @throws EspalierError CLI_CONFLICT for options of jobs without --jobs, and for a webhook without its secret */
export function jobSettingsOf(given: Given): JobSettings | undefined {
  const {
    jobs: dir,
    maxJobs,
    jobThreads: threads,
    jobMemory,
    jobSigningKey,
    jobWebhook: url,
    jobWebhookSecret,
  } = given;
  if (dir === undefined) {
    const others = { maxJobs, jobThreads: threads, jobMemory, jobSigningKey, jobWebhook: url, jobWebhookSecret };
    const alone = Object.entries(others).find(([, value]) => value !== undefined)?.[0];
    if (alone === undefined) return undefined;
    const flag = `--${alone.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new EspalierError('CLI_CONFLICT', { expected: `--jobs beside ${flag}`, actual: `${flag} alone` });
  }
  const secret = keyOf(jobWebhookSecret, 'ESPALIER_WEBHOOK_SECRET');
  if (url !== undefined && secret === undefined) {
    const expected = '--job-webhook-secret or $ESPALIER_WEBHOOK_SECRET beside --job-webhook';
    throw new EspalierError('CLI_CONFLICT', { expected, actual: '--job-webhook alone' });
  }
  return {
    dir,
    maxJobs,
    threads,
    memory: jobMemory === undefined ? undefined : jobMemory * 2 ** 20,
    signingKey: jobSigningKey === undefined ? undefined : secretTextOf(jobSigningKey),
    webhook: url === undefined || secret === undefined ? undefined : { url, secret },
  };
}
