import type { Command } from 'commander';
import { z } from 'zod';
import { path } from './read-options.ts';

const seconds = z.coerce
  .number({ error: 'a number of seconds, 0.1 or more' })
  .min(0.1, { error: 'a number of seconds, 0.1 or more' })
  .max(86_400, { error: 'a number of seconds, at most a day' });

/** Options of `serve` about the fleet that it follows. */
export const fleetSchema = {
  fleet: z.string().min(1, { error: 'a folder, or the URL of a Git repository' }).optional(),
  fleetBranch: z
    .string()
    .regex(/^[\w][\w./-]*$/, { error: 'the name of a branch' })
    .optional(),
  fleetInterval: seconds.optional(),
  fleetTimeout: seconds.optional(),
  fleetSigners: path.optional(),
  fleetAdapters: path.optional(),
};

export function addFleetOptions(command: Command): void {
  command
    .option(
      '--fleet <source>',
      'follow the fleet.yaml of a Git repository (file:, ssh: or https:) or of a folder; #folder where it is not at the root; needs --store',
    )
    .option('--fleet-branch <name>', "the branch that is followed (default: the one of the repository's HEAD)")
    .option('--fleet-interval <seconds>', 'how often the fleet is looked at (default: 5)')
    .option(
      '--fleet-timeout <seconds>',
      'how long the repository may take to say which commit it has; it is asked again meanwhile (default: 60)',
    )
    .option(
      '--fleet-signers <path>',
      'take only commits signed by a key of this file, or of a folder of files: allowed signers for SSH keys, or armoured OpenPGP keys',
    )
    .option(
      '--fleet-adapters <dir>',
      'folder of the adapters that do not lie in the repository (folder: in fleet.yaml)',
    );
}

/** @param seconds  of `--fleet-interval` and `--fleet-timeout` */
export function fleetSettingsOf(
  interval: number | undefined,
  timeout: number | undefined,
): { readonly fleetIntervalMs?: number; readonly fleetTimeoutMs?: number } {
  return {
    ...(interval !== undefined && { fleetIntervalMs: interval * 1000 }),
    ...(timeout !== undefined && { fleetTimeoutMs: timeout * 1000 }),
  };
}
