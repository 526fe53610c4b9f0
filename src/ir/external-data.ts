/**
 * Weights in files beside the model. A model may name files of its own folder only, whatever its author wrote:
 * neither an absolute path, nor '..', nor a link may lead out of it.
 */
import { open, realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep, win32 } from 'node:path';
import { EspalierError } from '../core/index.ts';
import type { TensorData } from '../tensor/index.ts';
import type { ConstantData, ExternalConstant } from './constant.ts';
import type { Graph } from './graph.ts';
import type { Model } from './model.ts';

/**
 * Checks the text of a location, before any file is touched.
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
 * The real path of a file of weights inside `folder`, after following links.
 * @throws EspalierError IR_EXTERNAL_DATA when it lies outside, does not exist or is too short
 */
export async function resolveExternalData(folder: string, constant: ExternalConstant): Promise<string> {
  const { location, offset, length } = constant;
  assertRelative(location);
  const root = await realpath(folder);
  const path = await realpath(resolve(root, location)).catch((cause: unknown) => {
    throw refused(location, 'there is no such file', cause);
  });
  const inside = relative(root, path);
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
    throw refused(location, 'a link leads out of the folder');
  }
  const file = await stat(path);
  if (!file.isFile()) throw refused(location, 'it is not a file');
  if (offset + length > file.size) {
    throw refused(location, `bytes ${offset} to ${offset + length} are named and the file has ${file.size}`);
  }
  return path;
}

/**
 * Checks every external tensor of a model against the files of its folder.
 * @throws EspalierError IR_EXTERNAL_DATA for the first that does not hold
 */
export async function checkExternalData(model: Model, folder: string): Promise<void> {
  const graphs = [model.graph, ...model.functions.map((fn) => fn.graph)];
  for (const constant of graphs.flatMap(constantsOf)) {
    if (constant.kind === 'external') await resolveExternalData(folder, constant);
  }
}

/**
 * The data of a constant, read from its file where it lies outside. The bytes of an inline one are not copied.
 * @throws EspalierError IR_EXTERNAL_DATA
 */
export async function readConstant(constant: ConstantData, folder: string): Promise<TensorData> {
  if (constant.kind === 'inline') return constant.tensor;
  if (constant.kind === 'opaque') throw refused(constant.name ?? 'the tensor', 'its element type cannot be read');
  const file = await open(await resolveExternalData(folder, constant));
  try {
    const bytes = new Uint8Array(constant.length);
    const { bytesRead } = await file.read(bytes, 0, constant.length, constant.offset);
    if (bytesRead !== constant.length) throw refused(constant.location, 'it ended while it was read');
    return { dtype: constant.dtype, shape: constant.shape, bytes };
  } finally {
    await file.close();
  }
}

/** Every constant of a graph: initializers and tensor attributes, subgraphs included. */
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
