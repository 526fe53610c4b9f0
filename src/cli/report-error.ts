import { EspalierError } from '../core/index.ts';
import { isDiskFull } from '../files/index.ts';
import { exitCodes } from './command.ts';
import type { OutputStreams } from './output.ts';

/**
 * Tells what went wrong: one paragraph with its code on standard error, or `{"error":{code,message}}` on standard
 * output with --json, where a program reads.
 * @returns the exit code that goes with it
 */
export function reportError(error: unknown, streams: OutputStreams, { json }: { readonly json: boolean }): number {
  const code = codeOf(error);
  const message = messageOf(error);
  if (json) streams.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
  else streams.stderr.write(`espalier: ${message} [${code}]\n${trace(error)}`);
  return /^(CLI|TRAIN_CONFIG)_/.test(code) ? exitCodes.usage : exitCodes.failure;
}

/** WHY a full disk too: whatever writes a file of its own may meet one, and it is no fault of ours. */
function codeOf(error: unknown): string {
  if (EspalierError.isInstance(error)) return error.code;
  return isDiskFull(error) ? 'DISK_FULL' : 'INTERNAL';
}

/** WHY not the class alone: an error of another copy of the package may lack the words of the command line. */
function messageOf(error: unknown): string {
  if (error instanceof EspalierError) return error.commandLineMessage;
  return error instanceof Error ? error.message : String(error);
}

/** A contract's error explains itself; anything else is a fault of ours, and its stack says where. */
function trace(error: unknown): string {
  return codeOf(error) !== 'INTERNAL' || !(error instanceof Error) ? '' : `${error.stack ?? ''}\n`;
}
