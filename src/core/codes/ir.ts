import type { CodeEntry } from './code-entry.ts';

/** Errors of `ir`. Retired codes are never reused. */
export const irCodes = {
  IR_MALFORMED: {
    status: 400,
    retryable: false,
    message: '{what} is not a readable ONNX model: {reason}. Export the model again, or check that the file is whole.',
    help: 'The bytes of an ONNX model are truncated or contradictory. Nothing was loaded.',
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
    help: 'A node, an input or an initializer cannot be removed from a graph while another node reads it. The graph was not changed.',
  },
  IR_NAME_TAKEN: {
    status: 500,
    retryable: false,
    message: 'The graph has a value named {name} already. Choose another name, or ask uniqueName() for one.',
    help: 'Two values of one graph would have the same name. The graph was not changed.',
  },
  IR_SHAPE: {
    status: 400,
    retryable: false,
    message: 'The shapes at {node} ({opType}) are inconsistent: {reason}.',
    help: 'The types or dimensions of the inputs of an operator do not fit together, or a model declares another shape than its operators compute.',
  },
  IR_ATTRIBUTE: {
    status: 400,
    retryable: false,
    message: 'Attribute {attribute} of {node} ({opType}) should be {expected}, got {actual}.',
    help: 'An operator lacks a required attribute, or the attribute has the wrong type.',
  },
  IR_EXTERNAL_DATA: {
    status: 400,
    retryable: false,
    message:
      'The weights at {location} cannot be used: {reason}. Keep them in the folder of the model, named by a relative path.',
    help: 'A model refers to a file of weights outside its own folder, to a missing file, or to bytes beyond the end of a file. Nothing was loaded.',
  },
  IR_PASS_BROKEN: {
    status: 500,
    retryable: false,
    message:
      'The pass {pass} {when} that {condition}, and it does not hold: {reason}. This is a bug; please report it.',
    help: 'A rewrite of a graph found the graph in a state that it does not support, or left it in one. The graph is not run. Report the message and the model.',
  },
} as const satisfies Record<string, CodeEntry>;
