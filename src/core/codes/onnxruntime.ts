import type { CodeEntry } from './code-entry.ts';

/** Errors of `onnxruntime`. Retired codes are never reused. */
export const onnxruntimeCodes = {
  ORT_LIBRARY_MISSING: {
    status: 500,
    retryable: false,
    message:
      'No ONNX Runtime library at {path}. Install the package onnxruntime-node, or name a library in ESPALIER_ORT_LIBRARY.',
    help: 'The library of the package onnxruntime-node, or the one that ESPALIER_ORT_LIBRARY names, does not exist. Run `npm ci` again.',
  },
  ORT_PLATFORM_UNSUPPORTED: {
    status: 500,
    retryable: false,
    message:
      'The package onnxruntime-node carries no ONNX Runtime library for {platform}. Name one for this platform in ESPALIER_ORT_LIBRARY.',
    help: 'ONNX Runtime is built for linux-x64, linux-arm64, darwin-arm64, win32-x64 and win32-arm64. Elsewhere, build it and name the library.',
  },
  ORT_LIBRARY_UNUSABLE: {
    status: 500,
    retryable: false,
    message: '{path} cannot be used as an ONNX Runtime library: {reason}. Name another file in ESPALIER_ORT_LIBRARY.',
    help: 'The file exists, but is no shared library of this platform, or not ONNX Runtime.',
  },
  ORT_VERSION_TOO_OLD: {
    status: 500,
    retryable: false,
    message: 'ONNX Runtime {version} at {path} is too old: version {needed} or newer is needed.',
    help: 'The library has an older C API than Espalier needs. Name a newer build in ESPALIER_ORT_LIBRARY, or unset the variable.',
  },
  ORT_FAILED: {
    status: 500,
    retryable: false,
    message: 'ONNX Runtime refused {operation}: {reason} ({ortCode}).',
    help: 'ONNX Runtime returned an error. `operation` is the function of its C API, and `ortCode` is the code of the error. The object that the function was called for was not changed.',
  },
  PROVIDER_UNAVAILABLE: {
    status: 500,
    retryable: false,
    message:
      'The execution provider {provider} cannot be used: {reason}. `espalier inspect --providers` shows what is there; `--provider auto` takes the CPU where there is nothing better.',
    help: 'The ONNX Runtime library was built without the provider, or the provider finds no device that it can use. Nothing was opened. For WebGPU on Linux a driver for Vulkan must be installed; docs/gpu.md says how.',
  },
  DEVICE_MEMORY: {
    status: 503,
    retryable: true,
    message:
      'The device gave no {bytes} bytes of memory for {what}: {reason}. Espalier holds {held} bytes there. Ask for less, or free memory of the device.',
    help: 'An allocation on the GPU failed, or is larger than its buffers may be. Nothing else was changed: what was open goes on.',
  },
  DEVICE_LOST: {
    status: 503,
    retryable: true,
    message:
      'The device of the provider {provider} is lost: {reason}. Nothing runs on it any more. Start the process again.',
    help: 'The driver has reset the GPU, or the GPU is gone. Requests that were running have failed, and nothing on disk was changed. A training goes on from its last checkpoint with `--resume`. `--provider cpu` runs without the device.',
  },
  ENVIRONMENT_OPEN: {
    status: 500,
    retryable: false,
    message:
      'An environment is already open, and a process can have only one. Share it, or dispose it and everything created from it.',
    help: 'ONNX Runtime has one environment and one thread pool per process. The open environment is not affected.',
  },
  OPTION_UNKNOWN: {
    status: 400,
    retryable: false,
    message: '{call} takes no option "{name}".{hint} It takes {supported}.',
    help: 'An option of a call of the library is misspelt or does not exist. Nothing was started.',
  },
  OPTION_INVALID: {
    status: 400,
    retryable: false,
    message: 'Expected {expected} for {name}, got {actual}.',
    help: 'An option has a value outside its range. Nothing was opened.',
  },
  MEMORY_UNAVAILABLE: {
    status: 500,
    retryable: true,
    message: 'The system refused to allocate {bytes} bytes of memory: {reason}.',
    help: 'The operating system refused an allocation or a mapping. Free memory, or ask for less.',
  },
  MEMORY_OUT_OF_BOUNDS: {
    status: 400,
    retryable: false,
    message: '{name} needs bytes {start} to {end} of a memory of {size} bytes.',
    help: 'A view or a tensor would extend beyond its memory. It was not created.',
  },
  MEMORY_VIEW_TOO_LARGE: {
    status: 400,
    retryable: false,
    message: 'A view of {bytes} bytes is too large: at most {limit}. Take several smaller views.',
    help: 'Node 20 ends the process when a view of more than 4 GiB is created, so Espalier refuses it first.',
  },
  MEMORY_MISALIGNED: {
    status: 400,
    retryable: false,
    message: '{name} begins at byte {offset}, which is not a multiple of its element size {size}.',
    help: 'Views and tensors must begin at a multiple of their element size. Nothing was created.',
  },
  BINDING_NAME_UNKNOWN: {
    status: 400,
    retryable: false,
    message: 'The session has no {kind} named {name}. {hint}',
    help: 'The model has no input or output of this name. The binding was not changed.',
  },
  BINDING_MISMATCH: {
    status: 400,
    retryable: false,
    message: 'Expected {expected} for {name}, got {actual}.',
    help: 'A tensor has another element type or shape than the model declares. The binding was not changed.',
  },
  BINDING_INCOMPLETE: {
    status: 400,
    retryable: false,
    message: 'Nothing is bound to {names}. Bind every input and at least one output before a run.',
    help: 'The binding of a run lacks inputs or outputs. Nothing was run.',
  },
  OUTPUT_UNWRITTEN: {
    status: 500,
    retryable: false,
    message: 'Output {name} has no value yet. Run the session first.',
    help: 'ONNX Runtime allocates this output during a run, and no run with this binding has ended yet.',
  },
  RUNS_EXHAUSTED: {
    status: 503,
    retryable: true,
    message: 'More than {limit} native calls wait for a thread. Start fewer runs at once.',
    help: 'The queue of asynchronous calls is full. The calls in it continue. Try again when some of them have ended.',
  },
  BINDING_BUSY: {
    status: 409,
    retryable: true,
    message: 'The binding is in use by a run. Wait for the run to end, or create a second binding.',
    help: 'A binding serves one run at a time and cannot be changed during the run. The run continues.',
  },
} as const satisfies Record<string, CodeEntry>;
