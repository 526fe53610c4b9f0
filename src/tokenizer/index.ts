export { AdapterTokenizers } from './adapter-tokenizers.ts';
export { AnswerText, type AddedText, type AnswerTextOptions } from './answer-text.ts';
export { byteLevelCharacter } from './byte-level.ts';
export type { EncoderInput, EncoderInputOptions } from './encoder-input.ts';
export type { EncodedRanges } from './encode-ranges.ts';
export { reservedVariables } from './chat-template.ts';
export { chooseTokenizer, type ChosenTokenizer, type TokenizerChoice } from './choose-tokenizer.ts';
export { openTokenizer, type OpenTokenizerOptions } from './open-tokenizer.ts';
export { type FolderContents, readFolder, tokenizerFileNames } from './read-folder.ts';
export type { Range } from './range.ts';
export { sharedLength } from './shared-length.ts';
export type { StreamDecoder } from './stream-decoder.ts';
export type { TokenVocabulary } from './token-vocabulary.ts';
export type { TokenizerFiles } from './tokenizer-files.ts';
export {
  type ChatMessage,
  type ChatOptions,
  createTokenizer,
  type DecodeOptions,
  type EncodedWithOffsets,
  type EncodeOptions,
  type StreamDecoderOptions,
  type TextPart,
  type Tokenizer,
  type ToolCall,
} from './tokenizer.ts';
