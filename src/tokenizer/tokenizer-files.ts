import { EspalierError } from '../core/index.ts';

/** A JSON object whose fields are checked one by one. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The files of a tokenizer, parsed as JSON but not yet understood. */
export interface TokenizerFiles {
  /** The folder, for error messages. */
  readonly folder: string;
  /** `tokenizer.json` */
  readonly tokenizer: JsonObject;
  /** `tokenizer_config.json` */
  readonly tokenizerConfig?: JsonObject | undefined;
  /** `special_tokens_map.json` */
  readonly specialTokensMap?: JsonObject | undefined;
  /** `config.json` of the model */
  readonly modelConfig?: JsonObject | undefined;
  /** `generation_config.json` */
  readonly generationConfig?: JsonObject | undefined;
  /** `chat_template.jinja`; it wins over the template inside `tokenizer_config.json`. */
  readonly chatTemplate?: string | undefined;
  /** `additional_chat_templates/<name>.jinja`, by name. */
  readonly additionalTemplates?: Readonly<Record<string, string>> | undefined;
}

/** The files of which chat templates are read. */
export type TemplateFiles = Pick<TokenizerFiles, 'folder' | 'tokenizerConfig' | 'chatTemplate' | 'additionalTemplates'>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses one of the files. @throws EspalierError TOKENIZER_INVALID where it is not a JSON object. */
export function parseJsonObject(text: string, path: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new EspalierError('TOKENIZER_INVALID', { path, problem: 'it is not valid JSON' }, { cause });
  }
  if (!isJsonObject(value)) {
    throw new EspalierError('TOKENIZER_INVALID', { path, problem: 'it does not hold a JSON object' });
  }
  return value;
}
