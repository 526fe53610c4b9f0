import type { CodeEntry } from './code-entry.ts';

/** Errors of `adapter-files`. Retired codes are never reused. */
export const adapterFilesCodes = {
  ADAPTER_FORMAT_UNKNOWN: {
    status: 400,
    retryable: false,
    message:
      '{path} is not an adapter that Espalier reads: expected a PEFT folder, or a file in the format .onnx_adapter, .bin (of Espalier) or GGUF. Found {found}.',
    help: 'Espalier recognizes the format of an adapter by its content and ignores its file name. Only the first bytes were read.',
  },
  ADAPTER_FORM_FOREIGN: {
    status: 400,
    retryable: false,
    message: 'The adapter {path} cannot be read: {found}. {advice}',
    help: 'The path holds an adapter of another tool, a pickle, a base model, or a folder around adapters. The message says what to name or to convert instead. Nothing was loaded.',
  },
  ADAPTER_CHANGING: {
    status: 409,
    retryable: true,
    message:
      'The files of the adapter {path} changed while they were read ({tries} times), so that they may be of two versions. Write an adapter to a folder beside its place and rename the folder, or load it again when nothing writes to it.',
    help: 'Another process writes to an adapter while it is read. A mixture of two versions is never taken into use; what was loaded before still is.',
  },
  ADAPTER_BASE_MISMATCH: {
    status: 400,
    retryable: false,
    message:
      'The adapter {path} was trained on another base: on {trained}, and this base is {fingerprint}. Use it with the base that it was trained on or with a form quantized from that, or give {option:anyBase} (in a request "any_base": true) if you know that the two belong together.',
    help: 'An adapter that `espalier train` wrote carries the fingerprint of its base. On another base of the same shapes it would load and answer wrongly. A quantized base carries the fingerprint of the base it was made from; an adapter without a fingerprint, such as one of PEFT, is not compared.',
  },
  ADAPTER_NAMES_UNKNOWN: {
    status: 400,
    retryable: false,
    message: 'The modules of some parameters in {path} are unknown: {problems}. Give a file of names.',
    help: 'The parameters of an .onnx_adapter or GGUF file do not follow a naming scheme that Espalier knows, or one parameter of a pair is missing. For .onnx_adapter files, --names maps each module to its parameters A and B.',
  },
  ADAPTER_NAMES_INVALID: {
    status: 400,
    retryable: false,
    message: 'The file of names {path} cannot be used: {problems}.',
    help: 'A file of names is a JSON object. Each key is the path of a module, and each value names the parameters A and B of the module.',
  },
  ADAPTER_NOT_EXPRESSIBLE: {
    status: 400,
    retryable: false,
    message: 'The adapter cannot be written as {format}: {problems}. Nothing was written.',
    help: 'The other format cannot store some parts of the adapter. Convert the adapter to PEFT instead, or train one without these parts.',
  },
  ONNX_ADAPTER_MALFORMED: {
    status: 400,
    retryable: false,
    message: '{path} is not a valid .onnx_adapter file: {reason}. Create the file again.',
    help: 'A FlatBuffers file of ONNX Runtime is damaged, malicious, or of another version. Nothing of it is used.',
  },
  BIN_ADAPTER_MALFORMED: {
    status: 400,
    retryable: false,
    message: '{path} is not a valid .bin adapter: {reason}. Create the file again.',
    help: 'A .bin adapter does not follow the format in docs/formats/bin-adapter.md. Nothing of it is used.',
  },
  GGUF_MALFORMED: {
    status: 400,
    retryable: false,
    message: '{path} is not a valid GGUF file: {reason}. Create the file again.',
    help: 'A GGUF file is damaged or malicious. Nothing of it is used.',
  },
  GGUF_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: '{path} is a GGUF file that Espalier does not read: {reason}.',
    help: 'Espalier reads LoRA adapters (F32, F16 or BF16 matrices) and models from GGUF, of the architectures whose names and layout it knows. A setting or an element type that it does not know may change numbers, so it is refused.',
  },
  MERGE_UNSUPPORTED: {
    status: 400,
    retryable: false,
    message: 'The adapters cannot be merged into {dir}: {problems}. Nothing was written.',
    help: 'A merged checkpoint cannot store a part of an adapter, or the base has no weight to which the part could be added.',
  },
  MERGE_DRIFT: {
    status: 400,
    retryable: false,
    message:
      'The logits of the merged model are up to {drift} away from those of base and adapters, more than {bound}. Nothing was written. Choose a wider type, raise {option:maxDrift}, or give {option:force}.',
    help: 'Merging rounds weights to the element type of the checkpoint. An option of the merge limits how far this rounding may change the logits.',
  },
} as const satisfies Record<string, CodeEntry>;
