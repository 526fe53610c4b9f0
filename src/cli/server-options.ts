import type { Command } from 'commander';
import { z } from 'zod';
import { AdapterClient, type AdapterClientOptions, AnswerClient, FleetClient, JobClient } from '../http/index.ts';
import { secretOf } from './secret.ts';

/** WHY loopback by default: without a key of its own, administration is open on this machine only. */
const defaultServer = 'http://127.0.0.1:8000';

/** Options of commands that speak to a server. */
export const serverSchema = {
  server: z
    .string()
    .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
      error: 'the address of a server, such as http://127.0.0.1:8000',
    })
    .default(defaultServer),
  adminKey: z.string().min(1, { error: 'a key' }).optional(),
};

export function addServerOptions(command: Command): void {
  command
    .option('--server <url>', `where the server is (default: ${defaultServer})`)
    .option(
      '--admin-key <key>',
      'its key for administration (default: $ESPALIER_ADMIN_KEY, to look also $ESPALIER_READ_KEY, or $ESPALIER_API_KEY)',
    );
}

/** A key, or what it refers to. An empty environment variable counts as unset. */
export function keyOf(given: string | undefined, variable: string): string | undefined {
  const text = given ?? (process.env[variable] || undefined);
  return text === undefined ? undefined : secretOf(text);
}

/** The key of a command that asks for answers. */
export const apiKeySchema = z.string().min(1, { error: 'a key' }).optional();
export const apiKeyOption = ['--api-key <key>', 'its key (default: $ESPALIER_API_KEY)'] as const;

export function answerClientOf({
  server,
  apiKey,
}: {
  readonly server: string;
  readonly apiKey?: string | undefined;
}): AnswerClient {
  return new AnswerClient({ server, key: keyOf(apiKey, 'ESPALIER_API_KEY') });
}

/** The key of a command that looks: the one that may see most. */
export function watchKeyOf(given: string | undefined): string | undefined {
  return keyOf(given ?? firstSet('ESPALIER_ADMIN_KEY', 'ESPALIER_READ_KEY'), 'ESPALIER_API_KEY');
}

/** The key of a command that changes something. WHY not one for looking: it would be refused where another one would do. */
export function changeKeyOf(given: string | undefined): string | undefined {
  return keyOf(given ?? firstSet('ESPALIER_ADMIN_KEY'), 'ESPALIER_API_KEY');
}

function firstSet(...variables: readonly string[]): string | undefined {
  return variables.map((name) => process.env[name]).find((value) => value !== undefined && value !== '');
}

/** The options that `serverSchema` has read. */
interface ReadServer {
  readonly server: string;
  readonly adminKey?: string | undefined;
}

/** What a command does with a server. */
export type Doing = 'looks' | 'changes';

export function clientOf(read: ReadServer, doing: Doing, signal: AbortSignal): AdapterClient {
  return new AdapterClient(addressOf(read, doing, signal));
}

export function jobClientOf(read: ReadServer, doing: Doing, signal: AbortSignal): JobClient {
  return new JobClient(addressOf(read, doing, signal));
}

export function fleetClientOf(read: ReadServer, doing: Doing, signal: AbortSignal): FleetClient {
  return new FleetClient(addressOf(read, doing, signal));
}

function addressOf({ server, adminKey }: ReadServer, doing: Doing, signal: AbortSignal): AdapterClientOptions {
  return { server, key: doing === 'looks' ? watchKeyOf(adminKey) : changeKeyOf(adminKey), signal };
}
