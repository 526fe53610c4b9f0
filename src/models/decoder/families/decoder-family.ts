import type { DecoderConfig } from '../decoder-config.ts';

/** A family of decoders, which translates its config.json to a `DecoderConfig`. The rest of the code reads the `DecoderConfig` alone. */
export interface DecoderFamily {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** The entry of `architectures` in config.json for text generation. */
  readonly architecture: string;
  /**
   * Reads the family's config.json, in the form before or since transformers 5. A missing field has the default of transformers.
   *
   * @param json  the parsed file, not trusted
   * @param path  the file's path, for messages
   * @throws EspalierError MODEL_CONFIG_INVALID, MODEL_FEATURE_UNSUPPORTED
   */
  parse(json: unknown, path: string): DecoderConfig;
  /** Translates a tensor's name in a checkpoint to its name in the description, if some checkpoints use other names. */
  readonly rename?: (name: string) => string;
  /** Whether a tensor belongs to a part of the network that does not process text. */
  readonly isForeign?: (name: string) => boolean;
}
