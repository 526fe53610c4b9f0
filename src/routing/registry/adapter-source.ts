import type { Adapter } from '../../lora/index.ts';
import type { Tokenizer } from '../../tokenizer/index.ts';

/** An adapter as its source has it. */
export interface SourcedAdapter extends Adapter {
  /**
   * Opens the tokenizer, with its chat template, that its source has beside the weights. It gives undefined where requests use the
   * base's. WHY not opened yet: only a loading needs it; weights that are read again keep the tokenizer of their loading.
   */
  readonly openTokenizer?: (() => Promise<Tokenizer | undefined>) | undefined;
  /**
   * Gives the memory of its tensors back at once. The registry calls it when it has copied what it needs; from then on, nobody reads
   * them. Absent: the garbage collector does.
   */
  release?(): void;
}

/** A place from which an adapter can be read, and read again after its weights were dropped from memory. */
export interface AdapterSource {
  /** The path as the user gave it; empty for an adapter that was given in memory. */
  readonly path: string;
  /** Whether what lies there never changes, so that weights may be dropped while they are not used. Default: it may change. */
  readonly isImmutable?: boolean;
  /** Reads and checks the adapter. Its digest shows whether it is still the same one. */
  read(): Promise<SourcedAdapter>;
}

/** The source of an adapter that is in memory already. */
export function sourceOf(from: SourcedAdapter | AdapterSource): AdapterSource {
  return 'read' in from ? from : { path: '', read: () => Promise.resolve(from) };
}
