import type { Command } from 'commander';
import { z } from 'zod';
import type { AdapterClient } from '../http/index.ts';
import { addServerOptions, serverSchema } from './server-options.ts';
import { wholeVersion } from './whole-version.ts';

export const adapterName = z.string().min(1, { error: 'the name of an adapter' });
export const versionStart = z.string().min(6, { error: 'a version, or at least its first 6 characters' });
export const reasonText = z.string().min(1, { error: 'a text' });

/** Options of commands that change a name of a running server. */
export const changeSchema = {
  ...serverSchema,
  name: adapterName,
  reason: reasonText.optional(),
  ifVersion: versionStart.optional(),
};

/** @param keptIn  where the reason is kept beside the audit record */
export function addChangeOptions(command: Command, keptIn: 'history' | 'events'): void {
  command
    .option('--reason <text>', `why, for the ${keptIn} and the audit record`)
    .option('--if-version <version>', 'change nothing unless the name has this version');
  addServerOptions(command);
}

interface Given {
  readonly name: string;
  readonly reason?: string | undefined;
  readonly ifVersion?: string | undefined;
}

/** What every change says beside its own values. */
export interface Wants {
  readonly name: string;
  readonly reason: { readonly reason?: string };
  readonly expected: string | undefined;
}

/** @param given  the options that `changeSchema` has read */
export async function wantsOf(client: AdapterClient, { name, reason, ifVersion }: Given): Promise<Wants> {
  const expected = ifVersion === undefined ? undefined : await wholeVersion(client, name, ifVersion);
  return { name, reason: reason === undefined ? {} : { reason }, expected };
}
