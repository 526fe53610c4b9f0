import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { breathe, EspalierError } from '../core/index.ts';
import { assertFinite, parseSafetensors } from '../tensor/index.ts';
import type { ModuleWeights } from './init-adapter.ts';
import { settingsOf, type LoraConfig } from './lora-config.ts';
import type { AdaptableModule } from '../ir/index.ts';
import { findTargets } from './match-targets.ts';
import { parsePeftConfig } from './peft-config.ts';
import { checkTensors, moduleWeights, peftName, type TargetModule } from './peft-tensors.ts';

export const configFile = 'adapter_config.json';
export const weightsFile = 'adapter_model.safetensors';

/** An adapter in memory, checked against its base. It never changes: another content is another adapter. */
export interface AdapterWeights {
  readonly config: LoraConfig;
  /** By path, in the order of the base. */
  readonly modules: ReadonlyMap<string, ModuleWeights>;
  /** Of both files' content, in hexadecimal. */
  readonly sha256: string;
  /** The base that the adapter says it was trained on. */
  readonly baseName: string | undefined;
}

/** Adapters come from anywhere, also while serving, and have a few hundred tensors: no header needs a tenth of this. */
const maxHeaderBytes = 8_000_000;
const maxConfigBytes = 1_000_000;
/** What SHA-256 takes well under a millisecond for. */
const hashedPerSlice = 2 ** 18;

/**
 * Reads a PEFT folder and checks it against the base: nothing may be missing, unexpected or mis-shaped, and no number
 * may be NaN or infinite. Half-width weights become f32.
 *
 * @param linears  the linear modules of the base
 * @throws EspalierError FILE_NOT_FOUND, LORA_CONFIG_INVALID, LORA_CONFIG_UNSUPPORTED, LORA_PATTERN_INVALID,
 *   LORA_BASE_MISMATCH, LORA_TENSORS_INVALID, TENSOR_NOT_FINITE, SAFETENSORS_*
 */
export async function loadPeftAdapter(dir: string, linears: readonly AdaptableModule[]): Promise<AdapterWeights> {
  const configPath = join(dir, configFile);
  const weightsPath = join(dir, weightsFile);
  const configBytes = await readWhole(configPath);
  const { config, baseName } = parsePeftConfig(parseJson(configBytes, configPath), configPath);
  // WHY at once: what is hashed must be what is used, even when the file is replaced meanwhile.
  const weightsBytes = await readWhole(weightsPath);
  const { tensors } = await parseSafetensors(weightsBytes, weightsPath, { maxHeaderBytes });
  const targets = targetsOf(config, linears);
  checkTensors({ path: weightsPath, tensors, baseName }, targets, linears);
  const modules = new Map<string, ModuleWeights>();
  for (const target of targets) {
    await breathe();
    const weights = await moduleWeights(target, tensors);
    // WHY after the conversion: a number that f64 holds may be infinite in f32.
    await assertFinite(weights.a, `${peftName(target.path, 'A')} in ${weightsPath}`);
    await assertFinite(weights.b, `${peftName(target.path, 'B')} in ${weightsPath}`);
    modules.set(target.path, weights);
  }
  return { config, modules, sha256: await hashOf([configBytes, weightsBytes]), baseName };
}

/** WHY a pattern may fit nothing here: PEFT lets it pass, and the tensors say exactly which modules there are. */
function targetsOf(config: LoraConfig, linears: readonly AdaptableModule[]): TargetModule[] {
  const { modules } = findTargets(linears, config.targetModules);
  const settings = settingsOf(config, modules);
  return linears.flatMap((linear) => {
    const setting = settings.get(linear.path);
    return setting === undefined ? [] : [{ ...linear, ...setting }];
  });
}

async function readWhole(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new EspalierError('FILE_NOT_FOUND', { what: 'readable adapter file', path }, { cause });
  });
}

function parseJson(bytes: Uint8Array, path: string): unknown {
  try {
    if (bytes.byteLength > maxConfigBytes) throw new RangeError(`it has more than ${maxConfigBytes} bytes`);
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    const problems = cause instanceof Error ? cause.message : String(cause);
    throw new EspalierError('LORA_CONFIG_INVALID', { path, problems }, { cause });
  }
}

/** Each file's length before its bytes, so that nothing can move from one to the other. */
async function hashOf(files: readonly Uint8Array[]): Promise<string> {
  const hash = createHash('sha256');
  for (const bytes of files) {
    hash.update(`${bytes.byteLength}\n`);
    for (let start = 0; start < bytes.byteLength; start += hashedPerSlice) {
      hash.update(bytes.subarray(start, start + hashedPerSlice));
      await breathe();
    }
  }
  return hash.digest('hex');
}
