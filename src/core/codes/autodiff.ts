import type { CodeEntry } from './code-entry.ts';

/** Errors of `autodiff`. Retired codes are never reused. */
export const autodiffCodes = {
  GRADIENT_NOT_DEFINED: {
    status: 500,
    retryable: false,
    message:
      'No gradient is defined for {what} at node {node}, on the path {path} from parameter {parameter} to the loss. Add a rule for it to the registry, or freeze the parameter.',
    help: 'No gradient rule covers an operator on the path, or one of its inputs or outputs. No gradient nodes were added.',
  },
  PARAMETER_UNREACHABLE: {
    status: 400,
    retryable: false,
    message:
      'Parameter {parameter} cannot reach the loss {loss}: {reason}. Remove it from the parameters, or connect it to the loss.',
    help: 'A trainable parameter has no differentiable path to the loss. Training would never change it. The graph was not changed.',
  },
  LOSS_NOT_SCALAR: {
    status: 400,
    retryable: false,
    message: 'The loss {loss} must be one float (shape []), got {actual}. Reduce it to a scalar first.',
    help: 'Espalier differentiates a single number. The graph was not changed.',
  },
  AMBIGUOUS_BROADCAST: {
    status: 400,
    retryable: false,
    message:
      'Node {node} ({opType}): the gradient of input {value} has shape {actual}, the input {expected}, and it is not known which axes were broadcast. Name the dimensions, and infer shapes before differentiating.',
    help: 'A broadcast is undone only where dimensions are equal, carry the same symbol, or are a literal 1. No gradient nodes were added.',
  },
  GRADIENT_MISMATCH: {
    status: 500,
    retryable: false,
    message:
      'The gradient rule of {opType} gave {actual} for input {value} of node {node}, expected {expected}. The rule is wrong.',
    help: 'A gradient must have the element type and the shape of its input. No gradient nodes were added.',
  },
  GRADIENT_SHAPE_UNKNOWN: {
    status: 400,
    retryable: false,
    message:
      'The gradient of {opType} at node {node} needs {need} of {value}, which is not known. Infer shapes first, or make it constant.',
    help: 'A rule needs a rank, a dimension or a constant that the graph does not contain. No gradient nodes were added.',
  },
  GRADIENT_OPSET: {
    status: 400,
    retryable: false,
    message: 'Gradients need opset {needed} or later, the model has {actual}. Convert the model first.',
    help: 'The backward graph uses operators of that opset. Nothing was changed.',
  },
} as const satisfies Record<string, CodeEntry>;
