/** The output of a command: answers go to standard output, everything else to standard error. */
export interface Output {
  /** Writes the answer of the command: one line of JSON with --json, otherwise the text. */
  answer(value: unknown, text: () => string): void;
  /** Writes a part of a streamed answer. With --json it writes nothing, because the answer is then written as a whole. */
  stream(text: string): void;
  /** Writes one line of JSON to standard output, for a program that monitors the command. */
  event(value: unknown): void;
  /** Writes a remark for a person to standard error. With --json it writes nothing. */
  note(text: string): void;
  /** Whether standard error is a terminal, so that a progress bar makes sense. */
  readonly interactive: boolean;
}

/** Two writable streams: those of the process, or those of a test. */
export interface OutputStreams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
}

export function createOutput(streams: OutputStreams, { json }: { readonly json: boolean }): Output {
  return {
    answer: (value, text) => void streams.stdout.write(`${json ? JSON.stringify(value) : text()}\n`),
    stream: (text) => void (json || streams.stdout.write(text)),
    event: (value) => void streams.stdout.write(`${JSON.stringify(value)}\n`),
    note: (text) => void (json || streams.stderr.write(`${text}\n`)),
    interactive: !json && streams.stderr.isTTY === true,
  };
}
