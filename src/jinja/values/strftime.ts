const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** A directive of glibc: `%`, flags, a width, a letter. */
const directive = /%([-_0^#]*)(\d{1,3})?[EO]?(.)?/gsu;

/**
 * `datetime.now().strftime(format)` in the C locale, so in English whatever the computer speaks. A local time has no zone in Python, so
 * `%z` and `%Z` are empty.
 *
 * @see glibc, strftime(3)
 */
export function strftime(date: Date, format: string): string {
  return format.replace(directive, (whole, flags: string, width: string | undefined, letter: string | undefined) => {
    if (letter === undefined) return whole;
    const field = fieldOf(date, letter);
    return field === undefined ? whole : padded(field, flags, Number(width ?? 0));
  });
}

/** A text; or a number with its width, and the character that fills it. */
type Field = string | { readonly value: number; readonly width: number; readonly fill: '0' | ' ' };

function padded(field: Field, flags: string, width: number): string {
  const isNumber = typeof field !== 'string';
  const flag = [...flags].reverse().find((one) => '-_0'.includes(one));
  const fill = flag === '_' ? ' ' : flag === '0' ? '0' : isNumber ? field.fill : ' ';
  const text = isNumber ? String(field.value) : shaped(field, flags);
  if (flag === '-') return text.padStart(width, ' ').trimStart();
  return text.padStart(isNumber ? Math.max(width, field.width) : width, fill);
}

/** WHY: `^` writes capitals, and `#` turns the case: of names to capitals, of "AM" to small letters. */
function shaped(text: string, flags: string): string {
  if (flags.includes('#')) return /^[AP]M$/.test(text) ? text.toLowerCase() : text.toUpperCase();
  return flags.includes('^') ? text.toUpperCase() : text;
}

const two = (value: number, fill: '0' | ' ' = '0'): Field => ({ value, width: 2, fill });
const plain = (value: number, width: number): Field => ({ value, width, fill: '0' });

function fieldOf(date: Date, letter: string): Field | undefined {
  return timeField(date, letter) ?? dateField(date, letter) ?? compound(date, letter);
}

function timeField(date: Date, letter: string): Field | undefined {
  const hours = date.getHours();
  switch (letter) {
    case 'H':
      return two(hours);
    case 'k':
      return two(hours, ' ');
    case 'I':
      return two(hours % 12 || 12);
    case 'l':
      return two(hours % 12 || 12, ' ');
    case 'M':
      return two(date.getMinutes());
    case 'S':
      return two(date.getSeconds());
    case 'f':
      return plain(date.getMilliseconds() * 1000, 6);
    case 'p':
      return hours < 12 ? 'AM' : 'PM';
    case 'P':
      return hours < 12 ? 'am' : 'pm';
    case 's':
      return plain(Math.floor(date.getTime() / 1000), 1);
    default:
      return undefined;
  }
}

function dateField(date: Date, letter: string): Field | undefined {
  const [year, month, day, weekday] = [date.getFullYear(), date.getMonth(), date.getDate(), date.getDay()];
  switch (letter) {
    case 'a':
      return days[weekday]?.slice(0, 3);
    case 'A':
      return days[weekday];
    case 'b':
    case 'h':
      return months[month]?.slice(0, 3);
    case 'B':
      return months[month];
    case 'd':
      return two(day);
    case 'e':
      return two(day, ' ');
    case 'm':
      return two(month + 1);
    case 'y':
      return two(year % 100);
    case 'Y':
      return plain(year, 1);
    case 'C':
      return two(Math.floor(year / 100));
    case 'j':
      return plain(dayOfYear(date) + 1, 3);
    case 'u':
      return plain(weekday || 7, 1);
    case 'w':
      return plain(weekday, 1);
    case 'U':
      return two(Math.floor((dayOfYear(date) + 7 - weekday) / 7));
    case 'W':
      return two(Math.floor((dayOfYear(date) + 7 - ((weekday + 6) % 7)) / 7));
    case 'V':
      return two(isoWeek(date).week);
    case 'G':
      return plain(isoWeek(date).year, 1);
    case 'g':
      return two(isoWeek(date).year % 100);
    default:
      return undefined;
  }
}

const compounds: Readonly<Record<string, string>> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  F: '%Y-%m-%d',
  r: '%I:%M:%S %p',
  R: '%H:%M',
  T: '%H:%M:%S',
  x: '%m/%d/%y',
  X: '%H:%M:%S',
  n: '\n',
  t: '\t',
  '%': '%',
  z: '',
  Z: '',
};

function compound(date: Date, letter: string): string | undefined {
  const format = compounds[letter];
  if (format === '%') return '%';
  return format === undefined ? undefined : strftime(date, format);
}

/** Days since January 1st. WHY in UTC: a day of local time may have 23 or 25 hours. */
function dayOfYear(date: Date): number {
  return daysSince(date.getFullYear(), 0, 1, date);
}

function daysSince(year: number, month: number, day: number, date: Date): number {
  const then = Date.UTC(year, month, day);
  return Math.round((Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - then) / 86_400_000);
}

/** The week of ISO 8601: week 1 is that of the year's first Thursday. */
function isoWeek(date: Date): { readonly year: number; readonly week: number } {
  const thursday = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 4 - (date.getDay() || 7));
  return { year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}
