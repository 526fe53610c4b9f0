/**
 * Reads the weights of a graph's modules as numbers. It supports all forms that graphs use: cast, transposed and quantized constants.
 * Adapters are not known here.
 */
import { breathe, EspalierError } from '../../core/index.ts';
import { readConstant, type Model, type Node, type Value } from '../../ir/index.ts';
import { convertToFloat32, typedArray, type TensorData } from '../../tensor/index.ts';
import { findModules, type GraphModule } from '../targets/find-modules.ts';

/** One module's weight. */
export interface BaseWeight {
  readonly path: string;
  /** f32 [out, in], row-major. */
  readonly values: Float32Array;
  readonly in: number;
  readonly out: number;
  /** Whether the weight is quantized, so that the numbers differ from those of the original model. */
  readonly quantized: boolean;
}

/**
 * Reads the weights of these linear modules, one after another.
 *
 * @param options.folder the folder of the model's external data
 * @throws EspalierError LORA_MODULES_INVALID if a module does not exist; LORA_WEIGHT_UNREADABLE if its weight is not a constant of a
 *   known form; IR_EXTERNAL_DATA
 */
export async function* readBaseWeights(
  model: Model,
  paths: readonly string[],
  { folder }: { readonly folder: string },
): AsyncGenerator<BaseWeight> {
  const { modules, problems } = findModules(model.graph, paths);
  if (problems.length > 0) throw new EspalierError('LORA_MODULES_INVALID', { problems });
  for (const module of modules) {
    await breathe();
    yield await readWeight(module, folder);
  }
}

async function readWeight(module: GraphModule, folder: string): Promise<BaseWeight> {
  const [{ site, part }] = module.places;
  const { path, in: width, out } = module;
  if (site.kind !== 'linear') throw unreadable(path, `it is no linear module (${site.kind})`);
  const whole = await wholeWeight(site.node, { value: site.weight, folder, path });
  const rows = site.transposed ? await turnedOver(whole.values, site.in, site.out) : whole.values;
  const first = (part?.widths ?? []).slice(0, part?.index ?? 0).reduce((sum, count) => sum + count, 0);
  const values = rows.subarray(first * width, (first + out) * width);
  const alpha = site.node.opType === 'MatMulNBits' ? 1 : site.node.floatAttribute('alpha', 1);
  return {
    path,
    values: alpha === 1 ? values : values.map((value) => value * alpha),
    in: width,
    out,
    quantized: whole.quantized,
  };
}

interface Reading {
  readonly value: Value | undefined;
  readonly folder: string;
  readonly path: string;
}

interface Numbers {
  readonly values: Float32Array;
  readonly shape: readonly number[];
  readonly quantized: boolean;
}

async function wholeWeight(node: Node, reading: Reading): Promise<Numbers> {
  const at = (index: number): Reading => ({ ...reading, value: node.inputs[index] });
  switch (node.opType) {
    case 'MatMulNBits':
      return dequantizeBlocks(node, at);
    case 'DynamicQuantizeMatMul':
      return dequantizeColumns(at(1), at(2), at(3));
    case 'MatMulIntegerToFloat':
      return dequantizeColumns(at(1), at(3), at(5));
    case 'MatMulInteger':
      throw unreadable(reading.path, 'its scale stands in another node');
    default:
      return evaluate(reading);
  }
}

/** Evaluates a constant behind casts and transposes. */
async function evaluate(reading: Reading): Promise<Numbers> {
  const { value, path } = reading;
  const node = value?.producer;
  if (node === undefined) {
    const tensor = await constantOf(reading);
    return { values: await convertToFloat32(tensor), shape: tensor.shape, quantized: false };
  }
  const inner = { ...reading, value: node.inputs[0] };
  if (node.opType === 'Cast' || node.opType === 'Identity') return evaluate(inner);
  if (node.opType === 'Transpose') {
    const { values, shape, quantized } = await evaluate(inner);
    const [rows = 0, columns = 0] = shape;
    return { values: await turnedOver(values, rows, columns), shape: [columns, rows], quantized };
  }
  throw unreadable(path, `it comes from ${node.qualifiedType}`);
}

async function constantOf({ value, folder, path }: Reading): Promise<TensorData> {
  if (value?.constant === undefined) throw unreadable(path, 'it is no constant');
  return readConstant(value.constant, folder);
}

/** Transposes f32 [rows, columns] to f32 [columns, rows]. */
async function turnedOver(values: Float32Array, rows: number, columns: number): Promise<Float32Array> {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    if (row % 64 === 0) await breathe();
    for (let column = 0; column < columns; column++) result[column * rows + row] = values[row * columns + column] ?? 0;
  }
  return result;
}

/** MatMulNBits: (element − zero point) · scale, in blocks along the input. @returns [N, K] */
async function dequantizeBlocks(node: Node, at: (index: number) => Reading): Promise<Numbers> {
  const [columns = 0, rows = 0] = [node.intAttribute('K'), node.intAttribute('N')];
  const [bits, blockSize] = [node.intAttribute('bits', 4), node.intAttribute('block_size', 32)];
  const { path } = at(1);
  if (bits !== 4 && bits !== 8) throw unreadable(path, `its elements have ${bits} bits`);
  const packed = (await constantOf(at(1))).bytes;
  const scales = await convertToFloat32(await constantOf(at(2)));
  const zeros = at(3).value === undefined ? undefined : await constantOf(at(3));
  if (zeros !== undefined && zeros.dtype !== 'uint8') throw unreadable(path, 'its zero points are floats');
  const blocks = Math.ceil(columns / blockSize);
  const element = (bytes: Uint8Array, index: number): number => {
    if (bits === 8) return bytes[index] ?? 0;
    return ((bytes[index >> 1] ?? 0) >> (4 * (index & 1))) & 15;
  };
  const zerosPerRow = bits === 4 ? 2 * Math.ceil(blocks / 2) : blocks;
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    if (row % 64 === 0) await breathe();
    for (let column = 0; column < columns; column++) {
      const block = Math.floor(column / blockSize);
      const zero = zeros ? element(zeros.bytes, row * zerosPerRow + block) : 2 ** (bits - 1);
      const code = element(packed, row * blocks * blockSize + column);
      values[row * columns + column] = (code - zero) * (scales[row * blocks + block] ?? 0);
    }
  }
  return { values, shape: [rows, columns], quantized: true };
}

/** Integers with one scale and zero point, or one of each per column. @returns [K, N] */
async function dequantizeColumns(weight: Reading, scale: Reading, zero: Reading): Promise<Numbers> {
  const tensor = await constantOf(weight);
  const scales = await convertToFloat32(await constantOf(scale));
  const zeros = zero.value === undefined ? [0] : Array.from(typedArray(await constantOf(zero)), Number);
  const columns = tensor.shape[1] ?? 1;
  const codes = typedArray(tensor);
  const values = new Float32Array(codes.length);
  for (let i = 0; i < values.length; i++) {
    if (i % 65_536 === 0) await breathe();
    const column = i % columns;
    const shift = zeros[zeros.length === 1 ? 0 : column] ?? 0;
    values[i] = (Number(codes[i]) - shift) * (scales[scales.length === 1 ? 0 : column] ?? 0);
  }
  return { values, shape: tensor.shape, quantized: true };
}

function unreadable(path: string, reason: string): EspalierError {
  return new EspalierError('LORA_WEIGHT_UNREADABLE', { path, reason });
}
