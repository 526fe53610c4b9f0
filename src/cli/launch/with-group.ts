import { openGroup, type ProcessGroup } from '../../collectives/index.ts';
import { messageOf } from '../../core/index.ts';
import type { CommandContext } from '../command.ts';

/** Runs as a member of the group that the environment names, or alone. If it fails, the others are told why. */
export async function withGroup(
  { output, signal }: CommandContext,
  run: (group: ProcessGroup) => Promise<number>,
): Promise<number> {
  const onWarning = (message: string): void => output.note(message);
  const group = await openGroup({ environment: process.env, signal, onWarning });
  try {
    const code = await run(group);
    await group.close();
    return code;
  } catch (error) {
    await group.abort(messageOf(error));
    throw error;
  }
}
