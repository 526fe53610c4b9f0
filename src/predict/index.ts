export { classificationOf, type Classification } from './classification.ts';
export type { PredictRow, TensorRow, TokenRow } from './predict-row.ts';
export { openPredictor, Predictor, type PredictOptions, type PredictorOptions } from './predictor.ts';
