import { createInterface } from 'node:readline';
import type { Terminal } from './talk.ts';

export interface TerminalStreams {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Where a person sees the prompt; answers go to standard output. */
  readonly stderr: NodeJS.WritableStream;
}

/**
 * Lines of standard input. A person gets a prompt, a history and Ctrl-C for an answer; lines that a program writes are read without.
 * Disposing it gives the input back.
 */
export function openTerminal({ stdin, stderr }: TerminalStreams, signal: AbortSignal): Terminal & Disposable {
  const terminal = stdin.isTTY === true;
  const lines = createInterface({ input: stdin, ...(terminal && { output: stderr }), terminal });
  const waiting: string[] = [];
  let isClosed = false;
  let give: (() => void) | undefined;
  let answer: AbortController | undefined;
  const wake = (): void => give?.();
  lines.on('line', (line) => {
    waiting.push(line);
    wake();
  });
  lines.on('close', () => {
    isClosed = true;
    wake();
  });
  // A terminal in raw mode sends Ctrl-C to the reader of lines, and not as a signal to the process.
  lines.on('SIGINT', () => (answer === undefined ? lines.close() : answer.abort()));
  const end = (): void => lines.close();
  signal.addEventListener('abort', end, { once: true });
  return {
    async line(prompt) {
      answer = undefined;
      if (terminal && !isClosed) {
        lines.setPrompt(prompt);
        lines.prompt();
      }
      if (waiting.length === 0 && !isClosed) {
        await new Promise<void>((resolve) => (give = resolve));
        give = undefined;
      }
      return waiting.shift();
    },
    begin() {
      answer = new AbortController();
      if (signal.aborted) answer.abort();
      return AbortSignal.any([answer.signal, signal]);
    },
    [Symbol.dispose]() {
      signal.removeEventListener('abort', end);
      lines.close();
    },
  };
}
