/** Regular expressions of the formats of JSON schema. Each matches a part of what the format allows, and nothing else. */
const octet = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const ipv4 = `${octet}(?:\\.${octet}){3}`;
const group = '[\\da-f]{1,4}';
const label = '[A-Za-z\\d](?:[A-Za-z\\d-]{0,61}[A-Za-z\\d])?';
const longDate =
  '\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))';
const leapDay = '(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29';
const date = `(?:${longDate}|${leapDay})`;
const time = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)';
const number = '\\d{1,6}';
const days = `(?:${number}Y(?:${number}M)?(?:${number}D)?|${number}M(?:${number}D)?|${number}D)`;
const hours = `T(?:${number}H(?:${number}M)?(?:${number}S)?|${number}M(?:${number}S)?|${number}S)`;
const atom = "[A-Za-z\\d!#$%&'*+/=?^_`{|}~-]{1,32}";
const safeCharacter = "[A-Za-z\\d\\-._~!$&'()*+,;=:@]";

export const formats: Readonly<Record<string, string>> = {
  date,
  time,
  'date-time': `${date}T${time}`,
  duration: `P(?:${number}W|${days}(?:${hours})?|${hours})`,
  uuid: '[\\dA-Fa-f]{8}-[\\dA-Fa-f]{4}-[\\dA-Fa-f]{4}-[\\dA-Fa-f]{4}-[\\dA-Fa-f]{12}',
  email: `${atom}(?:\\.${atom})*@(?:${label}\\.){1,4}[A-Za-z]{2,18}`,
  hostname: `${label}(?:\\.${label}){0,2}`,
  ipv4,
  ipv6: ipv6(),
  uri: `[a-z]{2,12}://(?:${label}\\.){0,3}${label}(?::\\d{1,4})?(?:/${safeCharacter}*)*(?:\\?${safeCharacter}*)?(?:#${safeCharacter}*)?`,
};

/** Eight groups, or fewer with `::` between two of them. */
function ipv6(): string {
  const forms = [`(?:${group}:){7}${group}`];
  for (let before = 0; before <= 6; before++) {
    const first = before === 0 ? '' : `${group}(?::${group}){${before - 1}}`;
    const most = 6 - before;
    forms.push(`${first}::(?:${group}(?::${group}){0,${most}})?`);
  }
  return `(?:${forms.join('|')})`;
}
