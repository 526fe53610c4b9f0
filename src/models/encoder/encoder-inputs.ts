import type { Value } from '../../ir/index.ts';
import type { EncoderConfig, EncoderNetwork } from './encoder-config.ts';

/** The parts from which the graph of an encoder is built: its checkpoint and the inputs for its rows. */
export interface EncoderInputs {
  readonly config: EncoderConfig;
  readonly network: EncoderNetwork;
  /** i64 [batch, seq] */
  readonly inputIds: Value;
  /** i64 [batch, seq]: 1 where a token counts, 0 where the row is padded */
  readonly attentionMask: Value;
  /** i64 [batch, seq]; undefined when all tokens have the first type */
  readonly tokenTypeIds: Value | undefined;
}
