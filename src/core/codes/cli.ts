import type { CodeEntry } from './code-entry.ts';

/** Errors of `cli`. Retired codes are never reused. Those that begin with CLI_ end the process with exit code 2. */
export const cliCodes = {
  CLI_USAGE: {
    status: 400,
    retryable: false,
    message: '{problem} See: {help}',
    help: 'The command line names a command or an option that does not exist, or leaves out one that is needed. Nothing was started.',
  },
  CLI_BAD_VALUE: {
    status: 400,
    retryable: false,
    message: '{flag} expects {expected}, got {actual}.',
    help: 'An option has a value that it cannot have. Nothing was started.',
  },
  CLI_CONFLICT: {
    status: 400,
    retryable: false,
    message: 'Give {expected}, got {actual}.',
    help: 'Options were given together that exclude each other, or none of those of which one is needed. Nothing was started.',
  },
  CLI_NOT_INSPECTABLE: {
    status: 400,
    retryable: false,
    message:
      'At {path} lies nothing that can be shown. Name a folder with config.json or adapter_config.json, a .safetensors file or an .onnx file.',
    help: '`espalier inspect` was given a path to something that it does not know. Nothing was changed.',
  },
} as const satisfies Record<string, CodeEntry>;
