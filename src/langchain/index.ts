/** Models in this process for LangChain (`@langchain/core` 1). `docs/in-process.md` shows their use. */
export { ChatEspalier, type ChatEspalierCallOptions, type ChatEspalierFields } from './chat-espalier.ts';
