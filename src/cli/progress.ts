import { Presets, SingleBar } from 'cli-progress';
import type { Output } from './output.ts';

/** A progress bar if standard error is a terminal, otherwise nothing. */
export interface Progress extends Disposable {
  update(done: number, fields: Readonly<Record<string, string>>): void;
}

/** @param format  cli-progress's template: `{bar}`, `{value}`, `{total}`, `{eta}` and the fields by name */
export function createProgress(output: Output, { total, format }: { total: number; format: string }): Progress {
  if (!output.interactive) return { update: () => undefined, [Symbol.dispose]: () => undefined };
  const bar = new SingleBar({ format, stream: process.stderr, hideCursor: true }, Presets.shades_classic);
  return {
    update(done, fields) {
      // WHY not before: without its fields, the line shows their names.
      if (bar.isActive) bar.update(done, fields);
      else bar.start(total, done, fields);
    },
    [Symbol.dispose]: () => bar.stop(),
  };
}
