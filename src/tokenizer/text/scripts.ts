import type { Range } from '../range.ts';

/** The scripts of Unicode 9, which the Rust library knows. Characters of later scripts belong to none. */
const names =
  `Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi
Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Common Coptic Cuneiform Cypriot Cyrillic Deseret
Devanagari Duployan Egyptian_Hieroglyphs Elbasan Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han Hangul Hanunoo
Hatran Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kayah_Li
Kharoshthi Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Malayalam Mandaic Manichaean
Marchen Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean New_Tai_Lue
Newa Nko Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_South_Arabian Old_Turkic Oriya Osage Osmanya
Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham
SignWriting Sinhala Sora_Sompeng Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangut Telugu Thaana
Thai Tibetan Tifinagh Tirhuta Ugaritic Vai Warang_Citi Yi`.split(/\s+/);

/**
 * Splits a text where the script changes. The three scripts of Japanese are one. Spaces and characters without a script belong to what is
 * before them; at the beginning they are left out, as in the Rust library.
 */
export function scriptRuns(text: string): Range[] {
  const starts: number[] = [];
  let last: string | undefined;
  let at = 0;
  for (const character of text) {
    const script = scriptOf(character);
    if (script !== undefined && script !== last) starts.push(at);
    last = script ?? last;
    at += character.length;
  }
  return starts.map((start, i) => ({ start, end: starts[i + 1] ?? text.length }));
}

const known = new Map<string, string | undefined>();

function scriptOf(character: string): string | undefined {
  if (character === ' ') return undefined;
  if (known.has(character)) return known.get(character);
  if (known.size > mostKept) known.clear();
  const found = names.find((name) => new RegExp(`\\p{Script=${name}}`, 'v').test(character));
  const script = moved.get(character) ?? (found === 'Hiragana' || found === 'Katakana' ? 'Han' : found);
  known.set(character, script);
  return script;
}

/** Characters whose script has changed since. */
const moved: ReadonlyMap<string, string> = new Map([
  ['\u0589', 'Common'],
  ['\u061c', 'Common'],
  ['\u0953', 'Devanagari'],
  ['\u0954', 'Devanagari'],
  // The mark of a long vowel, which sentencepiece counts as Japanese.
  ['\u30fc', 'Han'],
]);

const mostKept = 20_000;
