import type { Router } from '../routing/index.ts';
import type { Embedder, ResidentAdapter } from '../batching/index.ts';
import type { TextPrompts } from '../models/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import type { EndedSequence as EncoderEnd } from '../telemetry/index.ts';
import type { BaseContext } from './serving-context.ts';

/** Everything that the route for embeddings needs. */
export interface EmbeddingContext extends BaseContext {
  readonly router: Pick<Router<ResidentAdapter>, 'resolve' | 'assertKnown'>;
  readonly embedder: Pick<Embedder, 'embed' | 'maxLength'>;
  readonly tokenizer: Tokenizer | undefined;
  /** Told of each request that the encoder has read. */
  readonly onEnd?: ((ended: EncoderEnd) => void) | undefined;
  /** What stands before texts. */
  readonly prompts?: TextPrompts | undefined;
  /** Length of a vector; undefined if the graph does not declare it. */
  readonly width: number | undefined;
}
