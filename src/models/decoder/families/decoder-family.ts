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
}
