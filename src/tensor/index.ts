export { convertToFloat32 } from './convert.ts';
export { byteLength, elementCount, elementSize, type DataType } from './data-type.ts';
export { dataTypeNumber, dataTypeOf } from './onnx-data-types.ts';
export { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from './half.ts';
export {
  tensorOf,
  toFloat32,
  typedArray,
  zerosOf,
  type TensorData,
  type TensorOf,
  type TypedArray,
  type TypedArrays,
} from './tensor-data.ts';
export { assertFinite } from './finite.ts';
export { packStrings, unpackStrings } from './strings.ts';
export type { SafetensorsEntry } from './safetensors-header.ts';
export {
  loadSafetensors,
  openSafetensors,
  parseSafetensors,
  readTensor,
  type OpenSafetensorsOptions,
  type SafetensorsContent,
  type SafetensorsFile,
} from './safetensors-reader.ts';
export {
  streamSafetensors,
  syncFolder,
  writeAtomically,
  writeSafetensors,
  type TensorLayout,
  type TensorStream,
  type WriteSafetensorsOptions,
} from './safetensors-writer.ts';
export { writeSafetensorsInParts, type PartWriter } from './safetensors-parts.ts';
export { pathExists, replaceFolder } from './replace-folder.ts';
