import type { GeneratedToken } from '../sequence/generation-request.ts';

/** Reads an answer to its end. */
export async function collect(stream: AsyncIterable<GeneratedToken>): Promise<GeneratedToken[]> {
  const tokens: GeneratedToken[] = [];
  for await (const token of stream) tokens.push(token);
  return tokens;
}

export async function collectIds(stream: AsyncIterable<GeneratedToken>): Promise<number[]> {
  return (await collect(stream)).map(({ token }) => token);
}
