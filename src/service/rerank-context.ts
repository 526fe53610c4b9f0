import type { PairScorer, ResidentAdapter } from '../batching/index.ts';
import type { Router } from '../routing/index.ts';
import type { Tokenizer } from '../tokenizer/index.ts';
import type { EndedSequence as EncoderEnd } from '../telemetry/index.ts';
import type { BaseContext } from './serving-context.ts';

/** Everything that the route for reranking needs. */
export interface RerankContext extends BaseContext {
  readonly router: Pick<Router<ResidentAdapter>, 'resolve' | 'assertKnown'>;
  readonly scorer: Pick<PairScorer, 'score' | 'maxLength'>;
  readonly tokenizer: Tokenizer | undefined;
  /** Told of each request that the encoder has read. */
  readonly onEnd?: ((ended: EncoderEnd) => void) | undefined;
}
