import { EspalierError, messageOf } from '../core/index.ts';
import { isDiskFull } from '../atomic-files/index.ts';
import { exitCodes } from './command.ts';
import type { OutputStreams } from './output.ts';

/**
 * Reports an error: one paragraph with its code on standard error, or with --json `{"error":{code,message}}` on standard output.
 * @returns the exit code for the error
 */
export function reportError(error: unknown, streams: OutputStreams, { json }: { readonly json: boolean }): number {
  const { code, message } = describeError(error);
  if (json) streams.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
  else streams.stderr.write(`espalier: ${message} [${code}]\n${trace(error)}`);
  return /^(CLI|TRAIN_CONFIG)_/.test(code) ? exitCodes.usage : exitCodes.failure;
}

/** The code and the message of an error, worded for the command line. */
export function describeError(error: unknown): { readonly code: string; readonly message: string } {
  return { code: codeOf(error), message: wordsOf(error) };
}

/** WHY a full disk is included: any code that writes a file can meet one, and it is not a bug of Espalier. */
function codeOf(error: unknown): string {
  if (EspalierError.isInstance(error)) return error.code;
  return isDiskFull(error) ? 'DISK_FULL' : 'INTERNAL';
}

/** WHY the class is not enough: an error of another copy of the package may lack the message for the command line. */
function wordsOf(error: unknown): string {
  if (error instanceof EspalierError) return error.commandLineMessage;
  return messageOf(error);
}

/** An EspalierError explains itself. Any other error is a bug, and its stack shows where. */
function trace(error: unknown): string {
  return codeOf(error) !== 'INTERNAL' || !(error instanceof Error) ? '' : `${error.stack ?? ''}\n`;
}
