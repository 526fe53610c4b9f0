import { EspalierError, messageOf } from '../../../core/index.ts';
import type { AdapterContents, AdapterFile } from '../../source/adapter-source.ts';
import { readStable, type SourceOptions } from '../../source/read-stable.ts';
import { foreignConfig } from '../explain-adapter.ts';
import { parsePeftConfig, type PeftConfig } from './peft-config.ts';

export const configFile = 'adapter_config.json';
export const weightsFile = 'adapter_model.safetensors';

/** The files of a PEFT folder that are opened. Other files are ignored. */
export const peftFiles = { required: [configFile, weightsFile], optional: [] };

/** Adapters come from anywhere, also while serving; a configuration has a few kilobytes. */
const maxConfigBytes = 1_000_000;

export interface ReadPeftConfig extends PeftConfig {
  readonly path: string;
}

/**
 * Reads the configuration of a PEFT folder, which may lack its weights.
 * @throws EspalierError FILE_NOT_FOUND, ADAPTER_PATH_OUTSIDE, ADAPTER_CHANGING, LORA_CONFIG_INVALID, LORA_CONFIG_UNSUPPORTED
 */
export function readPeftConfig(dir: string, options: SourceOptions = {}): Promise<ReadPeftConfig> {
  const files = { required: [configFile], optional: [] };
  return readStable(dir, { ...options, files }, configOf);
}

/** The configuration of an open folder. @throws EspalierError FILE_NOT_FOUND, LORA_CONFIG_INVALID, LORA_CONFIG_UNSUPPORTED */
export async function configOf(source: AdapterContents): Promise<ReadPeftConfig> {
  const file = source.requiredFile(configFile);
  if (file.size > maxConfigBytes) throw invalid(file, new RangeError(`it has more than ${maxConfigBytes} bytes`));
  const content = parseJson(await file.read(0, file.size), file);
  const foreign = foreignConfig(file.path, content);
  if (foreign !== undefined) throw foreign;
  return { ...parsePeftConfig(content, file.path), path: file.path };
}

function parseJson(bytes: Uint8Array, file: AdapterFile): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw invalid(file, cause);
  }
}

function invalid({ path }: AdapterFile, cause: unknown): EspalierError {
  const problems = messageOf(cause);
  return new EspalierError('LORA_CONFIG_INVALID', { path, problems }, { cause });
}
