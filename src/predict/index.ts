export { type Classification, classificationOf } from './classification.ts';
export type { PredictRow, TensorRow, TokenRow } from './predict-row.ts';
export { openPredictor, type PredictOptions, Predictor, type PredictorOptions } from './predictor.ts';
