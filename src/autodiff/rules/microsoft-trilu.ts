import { microsoft } from '../emit.ts';
import { triluOf } from './trilu.ts';

/** The same operator of ONNX Runtime, from before ONNX had it. @see com.microsoft Trilu-1 */
export const microsoftTriluGradient = triluOf(microsoft);
