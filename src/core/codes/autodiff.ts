import type { CodeEntry } from './code-entry.ts';

/** Errors of `autodiff`. Retired codes are never reused. */
export const autodiffCodes = {
  GRADIENT_NOT_DEFINED: {
    status: 500,
    retryable: false,
    message:
      'No gradient is defined for {what} at node {node}, on the path {path} from parameter {parameter} to the loss. Give the registry a rule for it, or freeze the parameter.',
    help: 'Differentiation met an operator, or an input or output of one, that no rule covers. No gradient nodes were added.',
  },
  PARAMETER_UNREACHABLE: {
    status: 400,
    retryable: false,
    message:
      'Parameter {parameter} cannot reach the loss {loss}: {reason}. Take it off the parameters, or connect it to the loss.',
    help: 'A parameter that was to be trained has no differentiable path to the loss, so that it would silently never change. Nothing was changed.',
  },
  LOSS_NOT_SCALAR: {
    status: 400,
    retryable: false,
    message: 'The loss {loss} must be one float (shape []), got {actual}. Reduce it to a scalar first.',
    help: 'Gradients are those of one number. Nothing was changed.',
  },
  AMBIGUOUS_BROADCAST: {
    status: 400,
    retryable: false,
    message:
      'Node {node} ({opType}): the gradient of input {value} has shape {actual}, the input {expected}, and it cannot be told which axes were broadcast. Name the dimensions, and infer shapes before differentiating.',
    help: 'A broadcast is undone only where dimensions are equal, carry the same symbol, or are a literal 1. No gradient nodes were added.',
  },
  GRADIENT_MISMATCH: {
    status: 500,
    retryable: false,
    message:
      'The gradient rule of {opType} gave {actual} for input {value} of node {node}, expected {expected}. The rule is wrong.',
    help: 'A gradient must have the type of what it is the gradient of. No gradient nodes were added.',
  },
  GRADIENT_SHAPE_UNKNOWN: {
    status: 400,
    retryable: false,
    message:
      'The gradient of {opType} at node {node} needs {need} of {value}, which is not known. Infer shapes first, or make it constant.',
    help: 'A rule needs a rank, a dimension or a constant that the graph does not tell. No gradient nodes were added.',
  },
  GRADIENT_OPSET: {
    status: 400,
    retryable: false,
    message: 'Gradients need opset {needed} or later, the model has {actual}. Convert the model first.',
    help: 'The backward graph uses operators of that opset. Nothing was changed.',
  },
} as const satisfies Record<string, CodeEntry>;
