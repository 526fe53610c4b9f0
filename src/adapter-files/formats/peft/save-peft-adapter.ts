import { join } from 'node:path';
import { EspalierError } from '../../../core/index.ts';
import type { ModuleKind } from '../../../ir/index.ts';
import { publishFolder, writeAtomically } from '../../../atomic-files/index.ts';
import { writeSafetensors, type TensorData } from '../../../tensor/index.ts';
import { assertConfig, type LoraConfig, type ModuleWeights } from '../../../lora/index.ts';
import { fingerprintKey } from '../../../models/index.ts';
import { configFile, weightsFile } from './read-peft-config.ts';
import { formatPeftConfig } from './peft-config.ts';
import { toPeftExperts } from './expert-matrices.ts';
import { expertSizes, isWrapped, peftName } from './peft-names.ts';
import { isSavedBy, savedName } from './saved-parameters.ts';

export interface AdapterContent {
  readonly config: LoraConfig;
  readonly modules: ReadonlyMap<string, ModuleParts>;
  /** Parameters that replace those of the base, by their names in the checkpoint. */
  readonly saved?: ReadonlyMap<string, TensorData>;
  /** The base that the adapter was trained on: a name or a path. */
  readonly baseName?: string | undefined;
  /** The fingerprint of that base. */
  readonly baseFingerprint?: string | undefined;
}

interface ModuleParts extends Pick<ModuleWeights, 'experts' | 'a' | 'b' | 'magnitude' | 'bias'> {
  readonly kind?: ModuleKind;
}

export interface SaveAdapterOptions {
  /** Whether to replace the folder of another adapter. */
  readonly replace?: boolean;
}

/**
 * Writes a PEFT folder that PEFT loads with no key missing and none unexpected. The folder appears completely or not at all: it is
 * written beside its place and renamed.
 *
 * @throws EspalierError OUTPUT_EXISTS, OUTPUT_NOT_OURS, DISK_FULL, LORA_CONFIG_INVALID, ADAPTER_NOT_EXPRESSIBLE; nothing was changed then
 */
export async function savePeftAdapter(
  dir: string,
  content: AdapterContent,
  { replace = false }: SaveAdapterOptions = {},
): Promise<void> {
  assertConfig(content.config);
  assertExpressible(content);
  await publishFolder(dir, (staging) => writeContent(staging, content), {
    replace: replace ? { kind: 'adapter' } : undefined,
  });
}

/** WHY: PEFT loads whole parameters only of modules that the configuration names, and biases of all modules or of none. */
function assertExpressible({ config: { modulesToSave = [] }, modules, saved }: AdapterContent): void {
  const others = [...(saved?.keys() ?? [])].filter((name) => !isSavedBy(modulesToSave, name));
  const bare = hasBiases(modules) ? [...modules].flatMap(([path, { bias }]) => (bias ? [] : [path])) : [];
  const problems = [
    ...others.map((name) => `${name} is replaced whole, and modules_to_save does not name its module`),
    ...bare.map((path) => `${path} has no bias, and other modules have one (lora_bias)`),
  ];
  if (problems.length > 0) throw new EspalierError('ADAPTER_NOT_EXPRESSIBLE', { format: 'peft', problems });
}

function hasBiases(modules: AdapterContent['modules']): boolean {
  return [...modules.values()].some(({ bias }) => bias !== undefined);
}

async function writeContent(
  dir: string,
  { config, modules, saved, baseName, baseFingerprint }: AdapterContent,
): Promise<void> {
  const paths = new Set(modules.keys());
  const adapted: [string, TensorData][] = [];
  for (const [path, parts] of modules) {
    const { kind, magnitude, bias } = parts;
    const named = { path, ...(kind && { kind }) };
    const module = { ...named, isWrapped: isWrapped(named, paths) };
    const { a, b } = kind === 'experts' ? await inPeftOrder(parts) : parts;
    adapted.push(
      [peftName(module, 'A'), a],
      [peftName(module, 'B'), b],
      ...(bias ? [[peftName(module, 'bias'), bias] as [string, TensorData]] : []),
      ...(magnitude ? [[peftName(module, 'magnitude'), magnitude] as [string, TensorData]] : []),
    );
  }
  const whole = [...(saved ?? [])].map(([name, { shape, ...tensor }]): [string, TensorData] => [
    savedName({ name, shape }),
    { ...tensor, shape },
  ]);
  const tensors = [...adapted, ...whole];
  // WHY the format: transformers and older PEFT refuse a file that does not say whose tensors these are. Other keys they ignore.
  const metadata = { format: 'pt', ...(baseFingerprint !== undefined && { [fingerprintKey]: baseFingerprint }) };
  await writeSafetensors(join(dir, weightsFile), tensors, { metadata });
  const settings = { ...formatPeftConfig(config, baseName), ...(hasBiases(modules) && { lora_bias: true }) };
  const text = `${JSON.stringify(settings, undefined, 2)}\n`;
  await writeAtomically(join(dir, configFile), (handle) => handle.writeFile(text));
}

async function inPeftOrder({ experts = 1, a, b }: ModuleParts): Promise<Pick<ModuleWeights, 'a' | 'b'>> {
  const [[rank = 0, width = 0], [out = 0]] = [a.shape, b.shape];
  return toPeftExperts({ a, b }, expertSizes({ experts, rank, in: width, out }));
}
