/** Where a command speaks: answers on standard output, everything else on standard error. */
export interface Output {
  /** The command's answer: with --json one line of JSON, otherwise the text. */
  answer(value: unknown, text: () => string): void;
  /** A part of an answer that is told while it grows. Silent with --json, where the answer comes whole. */
  stream(text: string): void;
  /** A remark for a person, on standard error. Silent with --json. */
  note(text: string): void;
  /** Whether a person watches standard error, so that a progress bar makes sense. */
  readonly interactive: boolean;
}

/** Two writable ends; the process's own, or a test's. */
export interface OutputStreams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
}

export function createOutput(streams: OutputStreams, { json }: { readonly json: boolean }): Output {
  return {
    answer: (value, text) => void streams.stdout.write(`${json ? JSON.stringify(value) : text()}\n`),
    stream: (text) => void (json || streams.stdout.write(text)),
    note: (text) => void (json || streams.stderr.write(`${text}\n`)),
    interactive: !json && streams.stderr.isTTY === true,
  };
}
