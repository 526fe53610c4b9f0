/** Where exporters put the graph of a whole model in its folder, the first that is there wins. What is pulled is what is opened. */
export const graphPlaces: readonly string[] = [
  'model.onnx',
  'onnx/model.onnx',
  'decoder_model_merged.onnx',
  'onnx/decoder_model_merged.onnx',
  'decoder_model.onnx',
  'onnx/decoder_model.onnx',
];
