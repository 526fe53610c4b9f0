import type { CodeEntry } from './code-entry.ts';

/** Errors of `cli`. Retired codes are never reused. Those that begin with CLI_ end the process with exit code 2. */
export const cliCodes = {
  CLI_USAGE: {
    status: 400,
    retryable: false,
    message: '{problem} See: {help}',
    help: 'The command line contains an unknown command or option, lacks a required one, or gives an option with one value twice. Nothing was started.',
  },
  CLI_BAD_VALUE: {
    status: 400,
    retryable: false,
    message: '{flag} expects {expected}, got {actual}.',
    help: 'The value of an option has the wrong type or is out of range. Nothing was started.',
  },
  CLI_CONFLICT: {
    status: 400,
    retryable: false,
    message: 'Give {expected}, got {actual}.',
    help: 'Some options exclude each other, or one option of a group is required and none was given. Nothing was started.',
  },
  CLI_SECRET_UNREADABLE: {
    status: 400,
    retryable: false,
    message: 'The secret {reference} cannot be read: {problem}.',
    help: 'A key was given as a reference: file:PATH, env:NAME or sops:PATH#key. Check that this process may read it; for sops, that the program is installed and has its key (SOPS_AGE_KEY_FILE for age). Nothing was started.',
  },
  CLI_OPTION_UNKNOWN: {
    status: 400,
    retryable: false,
    message: '{source} has "{key}", which is no option of espalier {command}.{hint}',
    help: 'A file of options holds a key that is misspelt or does not exist. Its keys are the long options of the command, without the dashes in front. Nothing was started.',
  },
  CLI_HUB_NAME: {
    status: 400,
    retryable: false,
    message: 'Nothing is at {path}. Check the path; for what has this name on the hub, write hf:{path}.',
    help: 'A path has the form of a name on the Hugging Face hub, and no file or folder is there. A name on the hub is written with `hf:` before it. Nothing was started.',
  },
  CLI_NOT_INSPECTABLE: {
    status: 400,
    retryable: false,
    message:
      'Cannot inspect {path}: its kind is unknown.{hint} Name a folder with config.json or adapter_config.json, a .safetensors file or an .onnx file.',
    help: '`espalier inspect` does not recognize the file or folder at this path. Nothing was changed.',
  },
} as const satisfies Record<string, CodeEntry>;
