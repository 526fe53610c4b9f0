import { packageVersion } from '../core/index.ts';
import { commandList } from './command-list.ts';
import { listenForInterrupt } from './interrupt.ts';
import { runProgram } from './program.ts';

/** The `espalier` executable. It runs the command line of the process and sets the exit code. */
export async function main(): Promise<void> {
  // A reader such as `| head` closes the pipe early. This is not an error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  using interrupt = listenForInterrupt();
  process.exitCode = await runProgram(process.argv.slice(2), {
    commands: commandList,
    version: await packageVersion(),
    streams: process,
    signal: interrupt.signal,
  });
}
