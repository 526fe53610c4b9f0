import type { AdaptableModule } from '../../ir/index.ts';
import type { LoraConfig } from '../../lora/index.ts';
import { elementCount } from '../../tensor/index.ts';
import type { AdapterContents } from '../source/adapter-source.ts';
import { readStable, type SourceOptions } from '../source/read-stable.ts';
import { checkBase, checkFingerprint } from './check-base.ts';
import { formatOf, type AdapterFormat } from './detect-format.ts';
import { adapterFolder } from './explain-adapter.ts';
import { fileStructure } from './file-formats.ts';
import type { LoadAdapterOptions } from './peft/load-peft-adapter.ts';
import { partShapes } from './peft/peft-names.ts';
import { peftStructure, type PeftStructure } from './peft/peft-structure.ts';
import { peftFiles } from './peft/read-peft-config.ts';
import { savedName } from './peft/saved-parameters.ts';
import { oneFile, type ReadOptions } from './read-adapter.ts';
import type { StoredStructure } from './stored-adapter.ts';

/** The facts about an adapter that are known before its numbers are read. */
export interface InspectedAdapter {
  readonly format: AdapterFormat;
  readonly config: LoraConfig;
  /** The base on which the adapter was trained, according to its file. */
  readonly baseName: string | undefined;
  /** The largest rank of its modules. */
  readonly rank: number;
  /** Whether it has magnitudes. */
  readonly dora: boolean;
  /** Paths of the modules that it changes, in the order of the base. */
  readonly modules: readonly string[];
  /** Names of the parameters that it replaces. */
  readonly saved: readonly string[];
  /** Bytes that its numbers take in memory as f32. */
  readonly bytes: number;
}

/**
 * Reads an adapter's configuration and the names, types and shapes of its tensors, and checks them against the base as `loadAdapter`
 * does. Its numbers are not read, so they are neither checked nor hashed.
 *
 * @throws EspalierError the errors of `loadAdapter` for the structure
 */
export async function inspectAdapter(
  path: string,
  modules: readonly AdaptableModule[],
  options: ReadOptions & LoadAdapterOptions = {},
): Promise<InspectedAdapter> {
  const at = await adapterFolder(path);
  return readStable(at, { ...options, files: peftFiles }, (source) => inspectContents(source, modules, options));
}

/** The same of files that are open, or in memory. */
export async function inspectContents(
  source: AdapterContents,
  modules: readonly AdaptableModule[],
  options: Omit<ReadOptions & LoadAdapterOptions, keyof SourceOptions> = {},
): Promise<InspectedAdapter> {
  const format = await formatOf(source);
  if (format === 'peft')
    return describePeft(
      await peftStructure(source, {
        modules,
        weights: options.weights,
        fingerprint: options.fingerprint,
        embeddings: options.embeddings,
      }),
    );
  const file = oneFile(source);
  const structure = await fileStructure(file, format, options);
  const fitting = checkBase(structure, { path: file.path, modules });
  checkFingerprint({ ...structure, path: file.path }, options.fingerprint);
  return describeFile({ ...structure, modules: fitting }, format);
}

function describePeft({ config, baseName, plan, changed, entries }: PeftStructure): InspectedAdapter {
  const { saved } = plan;
  const shapes = changed.flatMap((target) => partShapes(target).map(([, shape]) => shape));
  const present = saved.filter((each) => each.optional !== true || entries.has(savedName(each)));
  return {
    format: 'peft',
    config,
    baseName,
    rank: largest(changed),
    dora: config.useDora === true,
    modules: changed.map(({ path }) => path),
    saved: present.map(({ name }) => name),
    bytes: bytesOf([...shapes, ...present.map(({ shape }) => shape)]),
  };
}

function describeFile({ config, baseName, modules }: StoredStructure, format: AdapterFormat): InspectedAdapter {
  const shapes = [...modules.values()].flatMap(({ a, b }) => [a.shape, b.shape]);
  return {
    format,
    config,
    baseName,
    rank: largest(modules.values()),
    dora: false,
    modules: [...modules.keys()],
    saved: [],
    bytes: bytesOf(shapes),
  };
}

function largest(modules: Iterable<{ readonly rank: number }>): number {
  return [...modules].reduce((most, { rank }) => Math.max(most, rank), 0);
}

function bytesOf(shapes: readonly (readonly number[])[]): number {
  return shapes.reduce((sum, shape) => sum + 4 * elementCount(shape), 0);
}
