import { microsoft } from '../emit.ts';
import { triluOf } from './trilu.ts';

/** Trilu of ONNX Runtime, which is older than ONNX's operator and computes the same. @see com.microsoft Trilu-1 */
export const microsoftTriluGradient = triluOf(microsoft);
