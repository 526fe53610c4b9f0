/**
 * Weights in files beside the model. A model may refer only to files in its own folder: an absolute path or '..' is refused. So is a
 * link that leads out of the folder, except in a checkpoint, whose files Espalier itself names (`mayBeLink`). In the hub's cache all
 * files are links; there the whole folder of the model, including its blobs, counts as the model's own folder.
 */
import { open, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep, win32 } from 'node:path';
import { EspalierError } from '../core/index.ts';
import { type BytePlace, decodeTensor, placesOf, type TensorData, withPlaces } from '../tensor/index.ts';
import type { ConstantData, ExternalConstant } from './constant.ts';
import type { Graph, Value } from './graph.ts';
import type { Model } from './model.ts';

/**
 * Checks the text of a location, before any file is accessed.
 * @throws EspalierError IR_EXTERNAL_DATA
 */
export function assertRelative(location: string): void {
  if (location === '' || location.includes('\0')) throw refused(location, 'it is no path');
  if (isAbsolute(location) || win32.isAbsolute(location) || /^[A-Za-z]:/.test(location)) {
    throw refused(location, 'it is an absolute path');
  }
  if (location.split(/[/\\]/).includes('..')) throw refused(location, "it leads out of the folder by '..'");
}

/**
 * Resolves the real path of a file of weights, following links, and checks that it is allowed.
 * @throws EspalierError IR_EXTERNAL_DATA if the file lies outside `folder`, does not exist or is too short
 */
export async function resolveExternalData(folder: string, constant: ExternalConstant): Promise<string> {
  const { path, size } = await findFile(folder, constant);
  assertWithin(constant, size);
  return path;
}

async function findFile(
  folder: string,
  { location, mayBeLink = false }: ExternalConstant,
): Promise<{ readonly path: string; readonly size: number }> {
  assertRelative(location);
  const root = await realpath(folder);
  const path = await realpath(resolve(root, location)).catch((cause: unknown) => {
    throw refused(location, 'there is no such file', cause);
  });
  const inCache = mayBeLink ? undefined : cachedModelFolder(root);
  if (!mayBeLink && !isInside(root, path) && (inCache === undefined || !isInside(inCache, path))) {
    throw refused(location, 'a link leads out of the folder');
  }
  const file = await stat(path);
  if (!file.isFile()) throw refused(location, 'it is not a file');
  return { path, size: file.size };
}

function assertWithin({ location, offset, length }: BytePlace, size: number): void {
  if (offset + length <= size) return;
  throw refused(location, `bytes ${offset} to ${offset + length} are named and the file has ${size}`);
}

/**
 * The folder models--org--name of the hub's cache that contains `folder` as a snapshot or below a snapshot.
 * @param folder  a real path, with links resolved
 */
function cachedModelFolder(folder: string): string | undefined {
  const parts = folder.split(sep);
  const at = parts.lastIndexOf('snapshots');
  if (at < 1 || !/^models--.+/.test(parts[at - 1] ?? '') || !/^[0-9a-f]{40}$/.test(parts[at + 1] ?? ''))
    return undefined;
  return parts.slice(0, at).join(sep);
}

function isInside(folder: string, path: string): boolean {
  const inside = relative(folder, path);
  return inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
}

/**
 * Returns the folder that ONNX Runtime must get for a model's weights. ONNX Runtime refuses links that lead out of that folder.
 * If the folder has such links, as a snapshot in the hub's cache has, the locations in the model are changed to the real paths.
 *
 * @throws EspalierError IR_EXTERNAL_DATA for a file that does not exist, is too short, or lies outside
 */
export async function followLinks(model: Model, folder: string): Promise<string> {
  const root = await realpath(folder);
  const values = [model.graph, ...model.functions.map((fn) => fn.graph)].flatMap(initializersOf);
  const found: Found[] = [];
  // WHY by file: a model has hundreds of tensors in a few files.
  const files = new Map<string, { readonly path: string; readonly size: number }>();
  for (const value of values) {
    const { constant } = value;
    if (constant?.kind !== 'external') continue;
    const paths = new Map<string, string>();
    for (const place of [constant, ...placesOf(constant)]) {
      const key = `${constant.mayBeLink === true} ${place.location}`;
      const file = files.get(key) ?? (await findFile(root, { ...constant, ...place }));
      files.set(key, file);
      assertWithin(place, file.size);
      paths.set(place.location, file.path);
    }
    found.push({ value, constant, paths });
  }
  const all = [...files.values()].map(({ path }) => path);
  if (all.every((path) => isInside(root, path))) return folder;
  const common = commonFolder(all);
  for (const { value, constant, paths } of found) {
    const moved = <P extends BytePlace>(place: P): P => {
      const path = paths.get(place.location) ?? '';
      return { ...place, location: relative(common, path).replaceAll(sep, '/') };
    };
    const { decoding } = constant;
    value.constant = { ...moved(constant), ...(decoding && { decoding: withPlaces(decoding, moved) }) };
  }
  return common;
}

interface Found {
  readonly value: Value;
  readonly constant: ExternalConstant;
  /** The real paths of its files, by location. */
  readonly paths: ReadonlyMap<string, string>;
}

/** The deepest folder that holds all files. */
function commonFolder(paths: readonly string[]): string {
  const [first = [], ...others] = paths.map((path) => dirname(path).split(sep));
  const length = others.reduce((most, parts) => {
    const differs = first.findIndex((part, i) => part !== parts[i]);
    return Math.min(most, differs < 0 ? first.length : differs);
  }, first.length);
  return first.slice(0, length).join(sep) || sep;
}

function initializersOf(graph: Graph): Value[] {
  return [...graph.initializers.values(), ...graph.nodes.flatMap((node) => node.subgraphs.flatMap(initializersOf))];
}

/**
 * Checks every external tensor of a model against the files in its folder.
 * @throws EspalierError IR_EXTERNAL_DATA for the first tensor that fails
 */
export async function checkExternalData(model: Model, folder: string): Promise<void> {
  const graphs = [model.graph, ...model.functions.map((fn) => fn.graph)];
  for (const constant of graphs.flatMap(constantsOf)) {
    if (constant.kind === 'external') await resolveExternalData(folder, constant);
  }
}

/** The locations of all external tensors of a model, without duplicates. */
export function externalLocations(model: Model): string[] {
  const graphs = [model.graph, ...model.functions.map((fn) => fn.graph)];
  const constants = graphs.flatMap(constantsOf);
  return [...new Set(constants.flatMap((constant) => (constant.kind === 'external' ? constant.location : [])))];
}

/**
 * Returns the data of a constant. External data is read from its file; the bytes of an inline constant are not copied.
 * @throws EspalierError IR_EXTERNAL_DATA
 */
export async function readConstant(constant: ConstantData, folder: string): Promise<TensorData> {
  if (constant.kind === 'inline') return constant.tensor;
  if (constant.kind === 'opaque') throw refused(constant.name ?? 'the tensor', 'its element type cannot be read');
  const { dtype, shape, decoding } = constant;
  const read = (place: BytePlace): Promise<Uint8Array> => readExternal(folder, { ...constant, ...place });
  const bytes = decoding ? await decodeTensor({ ...constant, decoding }, read) : await read(constant);
  return { dtype, shape, bytes };
}

/** Reads the bytes at the place of a constant, as they lie in the file. @throws EspalierError IR_EXTERNAL_DATA */
export async function readExternal(folder: string, constant: ExternalConstant): Promise<Uint8Array> {
  await using file = await open(await resolveExternalData(folder, constant));
  const bytes = new Uint8Array(constant.length);
  const { bytesRead } = await file.read(bytes, 0, constant.length, constant.offset);
  if (bytesRead !== constant.length) throw refused(constant.location, 'it ended while it was read');
  return bytes;
}

/** All constants of a graph and its subgraphs: initializers and tensor attributes. */
function constantsOf(graph: Graph): ConstantData[] {
  const initializers = [...graph.initializers.values()].flatMap((value) => value.constant ?? []);
  const attributes = graph.nodes.flatMap((node) => [...node.attributes.values()]);
  const tensors = attributes.flatMap((attribute) => {
    if (attribute.kind === 'tensor') return [attribute.value];
    return attribute.kind === 'tensors' ? attribute.value : [];
  });
  return [...initializers, ...tensors, ...graph.nodes.flatMap((node) => node.subgraphs.flatMap(constantsOf))];
}

function refused(location: string, reason: string, cause?: unknown): EspalierError {
  return new EspalierError('IR_EXTERNAL_DATA', { location, reason }, { cause });
}
