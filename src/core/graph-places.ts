/** The places of the graph of a whole model in its folder. The first that exists is used, both for downloading and for opening. */
export const graphPlaces: readonly string[] = [
  'model.onnx',
  'onnx/model.onnx',
  'decoder_model_merged.onnx',
  'onnx/decoder_model_merged.onnx',
  'decoder_model.onnx',
  'onnx/decoder_model.onnx',
];
