import { toText } from './print.ts';
import { SafeText, type Value } from './value.ts';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

/** The text of a value for HTML; a text that is marked safe stays as it is. */
export function escaped(value: Value): string {
  return value instanceof SafeText ? value.text : escapeText(toText(value));
}

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
