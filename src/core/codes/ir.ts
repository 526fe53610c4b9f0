import type { CodeEntry } from './code-entry.ts';

/** Errors of `ir`. Retired codes are never reused. */
export const irCodes = {
  IR_MALFORMED: {
    status: 400,
    retryable: false,
    message: '{what} is not a readable ONNX model: {reason}. Export the model again, or check that the file is whole.',
    help: 'The bytes of an ONNX model are truncated, or say something that cannot be. Nothing was loaded.',
  },
  IR_INVALID: {
    status: 400,
    retryable: false,
    message: 'The graph is not valid at {where}: {reason}.',
    help: 'A model breaks a rule of ONNX (unique names, every input produced before its use, an opset for each domain). The message names the node or the value.',
  },
  IR_IN_USE: {
    status: 500,
    retryable: false,
    message: '{what} cannot be removed: {user} still uses it. Replace its uses first.',
    help: 'A node, an input or an initializer was removed from a graph while something reads it. The graph is as it was.',
  },
  IR_NAME_TAKEN: {
    status: 500,
    retryable: false,
    message: 'The graph has a value named {name} already. Choose another name, or ask uniqueName() for one.',
    help: 'Two values of one graph would carry the same name. The graph is as it was.',
  },
  IR_SHAPE: {
    status: 400,
    retryable: false,
    message: 'Shapes do not fit at {node} ({opType}): {reason}.',
    help: 'An operator got inputs whose types or dimensions cannot go together, or a model states another shape than its operators give.',
  },
  IR_ATTRIBUTE: {
    status: 400,
    retryable: false,
    message: 'Attribute {attribute} of {node} ({opType}) should be {expected}, got {actual}.',
    help: 'An operator lacks an attribute that it needs, or has it with another type.',
  },
  IR_EXTERNAL_DATA: {
    status: 400,
    retryable: false,
    message:
      'The weights at {location} cannot be used: {reason}. Keep them in the folder of the model, named by a relative path.',
    help: 'A model names a file of weights outside its own folder, a file that does not exist, or a part that lies beyond its end. Nothing was loaded.',
  },
} as const satisfies Record<string, CodeEntry>;
