import type { DecoderConfig } from '../decoder-config.ts';

/** A family of decoders: how its config.json reads. Everything else about it is in the `DecoderConfig` that comes of it. */
export interface DecoderFamily {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** The one of its `architectures` that continues text. */
  readonly architecture: string;
  /**
   * Reads the family's config.json, in the spelling before and since transformers 5. What is not there has the value that
   * transformers gives it.
   *
   * @param json  the parsed file, not trusted
   * @param path  the file's path, for messages
   * @throws EspalierError MODEL_CONFIG_INVALID, MODEL_FEATURE_UNSUPPORTED
   */
  parse(json: unknown, path: string): DecoderConfig;
  /** What a tensor is called in the description, where some checkpoints call it otherwise. */
  readonly rename?: (name: string) => string;
  /** Whether a tensor belongs to a part of the network that is not for text. */
  readonly isForeign?: (name: string) => boolean;
}
