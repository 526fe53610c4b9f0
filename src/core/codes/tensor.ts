import type { CodeEntry } from './code-entry.ts';

/** Errors of `tensor`. Retired codes are never reused. */
export const tensorCodes = {
  DTYPE_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: 'The element type {dtype} is not supported for {use}.',
    help: 'An operation does not support this element type. Convert the tensor first, or omit it.',
  },
  TENSOR_NOT_FINITE: {
    status: 400,
    retryable: false,
    message: '{name} is {value} at element {index}, but all its numbers must be finite. Create the file again.',
    help: 'A weight is NaN or infinite. The tensor is not used. Everything that was loaded before stays loaded.',
  },
  TENSOR_NOT_FOUND: {
    status: 404,
    retryable: false,
    message: 'No tensor {name} in {path}.{hint}',
    help: 'The file has no tensor of this name.',
  },
  SAFETENSORS_TRUNCATED: {
    status: 400,
    retryable: false,
    message: '{path} ends too early: {what} needs {expected} bytes, the file has {actual}. Copy or download it again.',
    help: 'A safetensors file is shorter than its header says. Usually a download or a copy was interrupted. Nothing was read.',
  },
  SAFETENSORS_HEADER_TOO_LARGE: {
    status: 400,
    retryable: false,
    message:
      '{path} declares a header of {length} bytes; the limit is {limit}. It is not a safetensors file, or it is malicious.',
    help: 'The first eight bytes of a safetensors file give the length of its header. This length exceeds the limit. Nothing was read.',
  },
  SAFETENSORS_HEADER_INVALID: {
    status: 400,
    retryable: false,
    message: 'The header of {path} is broken at byte {position}: {reason}. Create the file again.',
    help: 'The header is not the JSON object that the format requires. Nothing was read.',
  },
  SAFETENSORS_DTYPE_UNKNOWN: {
    status: 400,
    retryable: false,
    message: 'Tensor {name} in {path} has the unknown element type {dtype}. Known types: {known}.',
    help: 'Espalier does not read this element type. Save the file with one of the known types.',
  },
  SAFETENSORS_SHAPE_INVALID: {
    status: 400,
    retryable: false,
    message: 'Tensor {name} in {path} has an impossible shape: {reason}. Create the file again.',
    help: 'A dimension is not an integer from 0 up, or the number of elements is too large. Nothing was read.',
  },
  SAFETENSORS_OFFSETS_INVALID: {
    status: 400,
    retryable: false,
    message: 'Tensor {name} in {path} has impossible data offsets: {reason}. Create the file again.',
    help: 'The byte range of a tensor does not fit its shape, or is not a valid range. Nothing was read.',
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
    message: '{path} has {length} bytes before tensor {name} that belong to no tensor. Create the file again.',
    help: 'The tensors of a safetensors file must cover all bytes after the header, without gaps. Nothing was read.',
  },
  SAFETENSORS_TRAILING_BYTES: {
    status: 400,
    retryable: false,
    message: '{path} has {length} bytes after its last tensor that belong to no tensor. Create the file again.',
    help: 'The tensors of a safetensors file must cover all bytes after the header, without gaps. Nothing was read.',
  },
  SAFETENSORS_CHANGED: {
    status: 409,
    retryable: true,
    message: '{path} changed while it was being read. Open it again when it is completely written.',
    help: 'A safetensors file was replaced or changed between the reading of its header and of its tensors. The tensor is not used.',
  },
  SAFETENSORS_NOT_WRITABLE: {
    status: 400,
    retryable: false,
    message: 'Cannot write {path}: {reason}. No file was written.',
    help: 'A safetensors file cannot hold the given tensors. A file that was at the path before is not changed.',
  },
} as const satisfies Record<string, CodeEntry>;
