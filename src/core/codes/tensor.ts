import type { CodeEntry } from './code-entry.ts';

/** Errors of `tensor`. Retired codes are never reused. */
export const tensorCodes = {
  DTYPE_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: 'The element type {dtype} is not supported for {use}.',
    help: 'An operation does not know this element type. Convert the tensor first, or leave it out.',
  },
  TENSOR_NOT_FINITE: {
    status: 400,
    retryable: false,
    message: '{name} holds {value} at element {index}, where only finite numbers may be. Make the file again.',
    help: 'A weight is NaN or infinite. The tensor was not taken into use; what was loaded before still is.',
  },
  TENSOR_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'No tensor {name} in {path}.{hint}',
    help: 'A tensor was asked for by a name that the file does not have.',
  },
  SAFETENSORS_TRUNCATED: {
    status: 400,
    retryable: false,
    message: '{path} ends too early: {what} needs {expected} bytes, the file has {actual}. Copy or download it again.',
    help: 'A safetensors file is shorter than it says itself. Usually a download or a copy was cut off. Nothing was read.',
  },
  SAFETENSORS_HEADER_TOO_LARGE: {
    status: 400,
    retryable: false,
    message:
      '{path} announces a header of {length} bytes; at most {limit} are read. It is not a safetensors file, or a hostile one.',
    help: 'The first eight bytes of a safetensors file give the length of its header, and that length is beyond the limit. Nothing was read.',
  },
  SAFETENSORS_HEADER_INVALID: {
    status: 400,
    retryable: false,
    message: 'The header of {path} is broken at byte {position}: {reason}. Make the file again.',
    help: 'The header is not the JSON object that the format asks for. Nothing was read.',
  },
  SAFETENSORS_DTYPE_UNKNOWN: {
    status: 400,
    retryable: false,
    message: 'Tensor {name} in {path} has the element type {dtype}. Known are {known}.',
    help: 'A tensor has an element type that Espalier does not read. Save the file in one of the known types.',
  },
  SAFETENSORS_SHAPE_INVALID: {
    status: 400,
    retryable: false,
    message: 'Tensor {name} in {path} has an impossible shape: {reason}. Make the file again.',
    help: 'A dimension is no whole number from 0 up, or there are too many elements to count. Nothing was read.',
  },
  SAFETENSORS_OFFSETS_INVALID: {
    status: 400,
    retryable: false,
    message: 'Tensor {name} in {path} has impossible data offsets: {reason}. Make the file again.',
    help: 'The byte range of a tensor does not fit its shape, or is no range at all. Nothing was read.',
  },
  SAFETENSORS_OVERLAP: {
    status: 400,
    retryable: false,
    message: 'Tensors {first} and {second} in {path} share bytes. Each byte may belong to one tensor only.',
    help: 'Two tensors of a safetensors file claim the same bytes. Nothing was read.',
  },
  SAFETENSORS_GAP: {
    status: 400,
    retryable: false,
    message: '{path} has {length} bytes before tensor {name} that belong to no tensor. Make the file again.',
    help: 'The tensors of a safetensors file must lie side by side, from the first byte to the last. Nothing was read.',
  },
  SAFETENSORS_TRAILING_BYTES: {
    status: 400,
    retryable: false,
    message: '{path} has {length} bytes after its last tensor that belong to no tensor. Make the file again.',
    help: 'The tensors of a safetensors file must lie side by side, from the first byte to the last. Nothing was read.',
  },
  SAFETENSORS_CHANGED: {
    status: 409,
    retryable: true,
    message: '{path} changed while it was being read. Open it again once it is written to its end.',
    help: 'A safetensors file was replaced or written to between reading its header and its tensors. Nothing of the tensor was used.',
  },
  SAFETENSORS_NOT_WRITABLE: {
    status: 400,
    retryable: false,
    message: 'Cannot write {path}: {reason}. No file was written.',
    help: 'The tensors given for a safetensors file cannot stand in one file as they are. Whatever was at the path is untouched.',
  },
} as const satisfies Record<string, CodeEntry>;
