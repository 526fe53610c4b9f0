import type { CodeEntry } from './code-entry.ts';

/** Errors of `adapters`. Retired codes are never reused. */
export const adaptersCodes = {
  ADAPTER_FORMAT_UNKNOWN: {
    status: 400,
    retryable: false,
    message:
      '{path} is no adapter that Espalier reads: expected a PEFT folder, or a file in the format .onnx_adapter, .bin (of Espalier) or GGUF. Found {found}.',
    help: 'The format of an adapter is told by its content, not by its name. Nothing was read beyond the first bytes.',
  },
  ADAPTER_CHANGING: {
    status: 409,
    retryable: true,
    message:
      'The files of the adapter {path} changed while they were read ({tries} times), so that they may be of two versions. Write an adapter to a folder beside its place and rename the folder, or load it again when nothing writes to it.',
    help: 'Another process writes to an adapter while it is read. A mixture of two versions is never taken into use; what was loaded before still is.',
  },
  ADAPTER_NAMES_UNKNOWN: {
    status: 400,
    retryable: false,
    message: '{path} has parameters whose modules cannot be told: {problems}. Give a file of names.',
    help: 'The parameters of an .onnx_adapter or GGUF file do not follow a naming that Espalier knows, or one of a pair is missing. For .onnx_adapter files, --names says which parameters are the A and B of which module.',
  },
  ADAPTER_NAMES_INVALID: {
    status: 400,
    retryable: false,
    message: 'The file of names {path} cannot be used: {problems}.',
    help: 'A file of names is a JSON object: for each module its path, and the names of its parameters A and B.',
  },
  ADAPTER_NOT_EXPRESSIBLE: {
    status: 400,
    retryable: false,
    message: 'The adapter cannot be written as {format}: {problems}. Nothing was written.',
    help: 'An adapter has parts that the other format has no place for. Convert it to PEFT instead, or train it without them.',
  },
  ONNX_ADAPTER_MALFORMED: {
    status: 400,
    retryable: false,
    message: '{path} is no sound .onnx_adapter file: {reason}. Make the file again.',
    help: 'A FlatBuffers file of ONNX Runtime is damaged, hostile, or of another version. Nothing was taken into use.',
  },
  BIN_ADAPTER_MALFORMED: {
    status: 400,
    retryable: false,
    message: '{path} is no sound .bin adapter: {reason}. Make the file again.',
    help: 'A .bin adapter does not keep to docs/formats/bin-adapter.md. Nothing was taken into use.',
  },
  GGUF_MALFORMED: {
    status: 400,
    retryable: false,
    message: '{path} is no sound GGUF file: {reason}. Make the file again.',
    help: 'A GGUF file is damaged or hostile. Nothing was taken into use.',
  },
  GGUF_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: '{path} is a GGUF file that Espalier does not read: {reason}.',
    help: 'Espalier reads LoRA adapters from GGUF: F32, F16 or BF16 matrices for architectures whose names and layout it knows.',
  },
  MERGE_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: 'The adapters cannot be merged into {dir}: {problems}. Nothing was written.',
    help: 'A merged checkpoint has no place for a part of an adapter, or the base has no weight that it could be added to.',
  },
  MERGE_DRIFT: {
    status: 400,
    retryable: false,
    message:
      'The logits of the merged model are up to {drift} away from those of base and adapters, more than {bound}. Nothing was written. Choose a wider type, raise {option:maxDrift}, or give {option:force}.',
    help: 'Merging rounds weights to the type of the checkpoint. The bound on what that may change is an option of the merge.',
  },
} as const satisfies Record<string, CodeEntry>;
