/**
 * ONNX Runtime's format for adapters: FlatBuffers with the identifier TORT. The parameters are tensors by the names of a graph's
 * inputs. The file does not say how they belong together.
 *
 *   table Parameter { name: string; dims: [int64]; data_type: int32; raw_data: [uint8] (aligned to 8); }
 *   table Adapter { format_version, adapter_version, model_version: int32; parameters: [Parameter]; }
 */
import { Builder } from 'flatbuffers';
import { EspalierError } from '../../../core/index.ts';
import { byteLength, dataTypeNumber, dataTypeOf, type TensorData } from '../../../tensor/index.ts';
import { FlatBufferView, type FlatTable } from './flatbuffer-view.ts';

/** The content of an .onnx_adapter file. */
export interface OnnxAdapter {
  readonly adapterVersion: number;
  readonly modelVersion: number;
  /** By name, in the order of the file. */
  readonly parameters: ReadonlyMap<string, TensorData>;
}

export const onnxAdapterIdentifier = 'TORT';
const formatVersion = 1;
/** No matrix has more axes, and the lists of a hostile file stay short. */
const maxRank = 16;
const maxNameLength = 1024;

/**
 * Reads an .onnx_adapter file. The tensors are views of its bytes.
 *
 * @param path  what errors call the file
 * @throws EspalierError ONNX_ADAPTER_MALFORMED
 */
export function parseOnnxAdapter(bytes: Uint8Array, path: string): OnnxAdapter {
  try {
    return readAdapter(bytes);
  } catch (cause) {
    if (!(cause instanceof RangeError || cause instanceof TypeError)) throw cause;
    throw new EspalierError('ONNX_ADAPTER_MALFORMED', { path, reason: cause.message }, { cause });
  }
}

function readAdapter(bytes: Uint8Array): OnnxAdapter {
  const file = new FlatBufferView(bytes);
  if (file.identifier !== onnxAdapterIdentifier) {
    throw new RangeError(`it should have the identifier ${onnxAdapterIdentifier} at byte 4`);
  }
  const root = file.root();
  const version = root.int32(0) ?? 0;
  if (version !== formatVersion) throw new RangeError(`its format version is ${version}, known is ${formatVersion}`);
  const parameters = new Map<string, TensorData>();
  let total = 0;
  for (const table of root.tables(3) ?? []) {
    const [name, tensor] = readParameter(table);
    if (parameters.has(name)) throw new RangeError(`the parameter ${name} comes twice`);
    // WHY: many parameters may point to the same bytes. Their copies would then take many times the size of the file.
    total += tensor.bytes.byteLength + 8 * tensor.shape.length + name.length;
    if (total > bytes.byteLength) throw new RangeError('parameters share bytes');
    parameters.set(name, tensor);
  }
  if (parameters.size === 0) throw new RangeError('it has no parameters');
  return { adapterVersion: root.int32(1) ?? 0, modelVersion: root.int32(2) ?? 0, parameters };
}

function readParameter(table: FlatTable): [string, TensorData] {
  const name = table.text(0) ?? '';
  if (name === '' || name.length > maxNameLength) throw new RangeError(`a parameter's name has ${name.length} letters`);
  const type = table.int32(2) ?? 0;
  const dtype = dataTypeOf(type);
  if (dtype === undefined || dtype === 'string') throw new RangeError(`parameter ${name} has the element type ${type}`);
  const dims = table.int64s(1) ?? [];
  if (dims.length > maxRank) throw new RangeError(`parameter ${name} has ${dims.length} dimensions`);
  const shape = dims.map((dim) => sizeOf(name, dim));
  const bytes = table.bytes(3) ?? new Uint8Array(0);
  const expected = shape.includes(0) ? 0 : byteLength(dtype, shape);
  if (bytes.byteLength !== expected || shape.length === 0) {
    throw new RangeError(
      `parameter ${name} has ${bytes.byteLength} bytes, ${dtype} [${shape.join(', ')}] takes ${expected}`,
    );
  }
  return [name, { dtype, shape, bytes }];
}

function sizeOf(name: string, dim: bigint): number {
  if (dim < 0n || dim > 0xffffffffn) throw new RangeError(`parameter ${name} has the dimension ${dim}`);
  return Number(dim);
}

/**
 * The bytes of an .onnx_adapter file; the same parameters in the same order give the same bytes.
 *
 * @throws EspalierError ADAPTER_NOT_EXPRESSIBLE when it would be larger than the 2 GiB that the format's offsets reach
 */
export function formatOnnxAdapter({ adapterVersion, modelVersion, parameters }: OnnxAdapter): Uint8Array {
  const total = [...parameters.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  if (total > maxDataBytes) {
    const problems = `it has ${total} bytes of weights, the format can hold ${maxDataBytes}`;
    throw new EspalierError('ADAPTER_NOT_EXPRESSIBLE', { format: '.onnx_adapter', problems });
  }
  const builder = new Builder(total + 256 * parameters.size + 1024);
  const offsets = [...parameters].map(([name, tensor]) => writeParameter(builder, name, tensor));
  builder.startVector(4, offsets.length, 4);
  for (const offset of offsets.reverse()) builder.addOffset(offset);
  const list = builder.endVector();
  builder.startObject(4);
  builder.addFieldInt32(0, formatVersion, 0);
  builder.addFieldInt32(1, adapterVersion, 0);
  builder.addFieldInt32(2, modelVersion, 0);
  builder.addFieldOffset(3, list, 0);
  builder.finish(builder.endObject(), onnxAdapterIdentifier);
  return builder.asUint8Array();
}

/** Below 2 GiB, with room for names and offsets. */
const maxDataBytes = 2 ** 31 - 2 ** 24;

function writeParameter(builder: Builder, name: string, { dtype, shape, bytes }: TensorData): number {
  const text = builder.createString(name);
  builder.startVector(8, shape.length, 8);
  for (const dim of [...shape].reverse()) builder.addInt64(BigInt(dim));
  const dims = builder.endVector();
  builder.prep(8, bytes.byteLength); // ONNX Runtime uses the bytes in place
  const data = builder.createByteVector(bytes);
  builder.startObject(4);
  builder.addFieldOffset(0, text, 0);
  builder.addFieldOffset(1, dims, 0);
  builder.addFieldInt32(2, dataTypeNumber(dtype), 0);
  builder.addFieldOffset(3, data, 0);
  return builder.endObject();
}
