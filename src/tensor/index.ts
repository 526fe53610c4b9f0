export { convertToFloat32 } from './convert.ts';
export { byteLength, type DataType, elementCount, elementSize } from './data-type.ts';
export {
  decodedPieces,
  type DecodedRange,
  type DecodedTensor,
  decodeTensor,
  type Decoding,
  placesOf,
  withPlaces,
} from './decoding/decoding.ts';
export type { BytePlace, ReadPlace } from './decoding/unit-decoder.ts';
export { type Ggml, hasLevels, isGgmlFloat, levelBits } from './decoding/ggml.ts';
export {
  type GgufContent,
  type GgufFile,
  type GgufLimits,
  type GgufTensor,
  type GgufType,
  type GgufValue,
  modelLimits,
  parseGguf,
  readGgufHeader,
} from './gguf/gguf-format.ts';
export { assertFinite } from './finite.ts';
export { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from './half.ts';
export { columnsOf, orthonormalize, timesTransposed } from './linalg/products.ts';
export { singularParts } from './linalg/singular-values.ts';
export { dataTypeNumber, dataTypeOf } from './onnx-data-types.ts';
export type { SafetensorsEntry, SafetensorsHeader } from './safetensors-header.ts';
export { type PartWriter, writeSafetensorsInParts } from './safetensors-parts.ts';
export {
  loadSafetensors,
  openSafetensors,
  type OpenSafetensorsOptions,
  parseSafetensors,
  readSafetensorsHeader,
  readTensor,
  type SafetensorsContent,
  type SafetensorsFile,
  type SafetensorsSource,
} from './safetensors-reader.ts';
export {
  streamSafetensors,
  type TensorLayout,
  type TensorStream,
  writeSafetensors,
  type WriteSafetensorsOptions,
} from './safetensors-writer.ts';
export { packStrings, unpackStrings } from './strings.ts';
export {
  type TensorData,
  tensorOf,
  type TensorOf,
  toFloat32,
  typedArray,
  type TypedArray,
  type TypedArrays,
  zerosOf,
} from './tensor-data.ts';
