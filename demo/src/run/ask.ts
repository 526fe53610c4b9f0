import OpenAI from 'openai';

/** One answer, read from its stream. */
export interface Answer {
  readonly text: string;
  /** The versions that the chunks named: more than one would be a torn answer. */
  readonly versions: ReadonlySet<string>;
  readonly tokens: number;
}

const maxTokens = 60;

export function createClient(url: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
}

/** Asks greedily, so that one version has one answer to one question. */
export async function ask(client: OpenAI, model: string, question: string): Promise<Answer> {
  const stream = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: question }],
    max_tokens: maxTokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  });
  const versions = new Set<string>();
  let text = '';
  let tokens = 0;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    if (chunk.system_fingerprint) versions.add(chunk.system_fingerprint);
    tokens = chunk.usage?.completion_tokens ?? tokens;
  }
  return { text, versions, tokens };
}

/** Puts an adapter of the folder in the place of the one that is served. */
export async function replaceAdapter(client: OpenAI, name: string, path: string): Promise<string> {
  const body = { lora_name: name, lora_path: path, load_inplace: true };
  const { version } = await client.post<{ version: string }>('/load_lora_adapter', { body });
  return version;
}
