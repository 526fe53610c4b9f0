import { packageVersion } from '../core/index.ts';
import { allowClosedPipes } from './closed-pipes.ts';
import { commandList } from './command-list.ts';
import { listenForInterrupt } from './interrupt.ts';
import { runProgram } from './program.ts';

/** The `espalier` executable. It runs the command line of the process and sets the exit code. */
export async function main(): Promise<void> {
  allowClosedPipes(process);
  using interrupt = listenForInterrupt();
  process.exitCode = await runProgram(process.argv.slice(2), {
    commands: commandList,
    version: await packageVersion(),
    streams: process,
    signal: interrupt.signal,
  });
}
