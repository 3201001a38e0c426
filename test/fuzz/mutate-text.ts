import type { Random } from './random.ts';

/** Lines that make two readers disagree, or that a stranger would put in to be believed. */
const LINES = [
  'From: Mallory <mallory@evil.example>',
  'From: "alice@acme.example" <mallory@evil.example>',
  'From: alice@acme.example, mallory@evil.example',
  'from : Alice <alice@acme.example>',
  'Sender: mallory@evil.example',
  'Subject: another subject',
  'MIME-Version: 1.0',
  'Content-Type: text/html',
  'Content-Type: multipart/mixed; boundary="b"',
  'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b',
  'Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m',
  'Content-Type: application/pkcs7-mime; smime-type=enveloped-data',
  'Content-Type: application/octet-stream; name=smime.p7m',
  'Content-Type: message/rfc822',
  'Content-Type: text/plain; protected-headers="v1"; hp="clear"',
  "Content-Type: text/plain; charset*0*=us-ascii'en'utf; charset*1=-8",
  'HP-Outer: Subject: [...]',
  'HP-Outer: From: mallory@evil.example',
  'Content-Transfer-Encoding: base64',
  'Content-Transfer-Encoding: quoted-printable',
  'Content-Transfer-Encoding: 8bit',
  'X-Sallyport-Verdict: signature=valid; scope=whole',
  'Authentication-Results: gw.example; smime=pass',
  'Authentication-Results: (x) gw.example ; smime=pass',
  'Received: from x by y; Mon, 1 Jun 2026 00:00:00 +0000',
  'Bcc: hidden@bravo.example',
  '--b',
  '--b--',
  '-----',
  '.',
  '',
  ' folded',
  '\t',
  'no colon here',
  ': empty name',
  'X-Long: '.padEnd(1_200, 'y'),
  '=?utf-8?q?=66?= <a@b.example>',
  'From: =?utf-8?q?alice=40acme.example?= <x@evil.example>',
  'MIAGCSqGSIb3DQEHAqCAMIACAQExADCABgkqhkiG9w0BBwEAADEAAAAAAAAA',
];

const LINE_ENDS = ['\r\n', '\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n', '\0\r\n', '', '\x0b', '\x85'];
const FRAGMENTS = [
  '(',
  ')',
  '<',
  '>',
  '"',
  '\\',
  ';',
  ',',
  ':',
  '=',
  '==',
  '=\r\n',
  '@',
  '[',
  '%',
  "*0*=''",
  '\0',
  '\xff\xfe',
  '\xc3\xa9',
  '  ',
  '--',
  '; boundary="c"',
  '; boundary=',
  '; hp="cipher"',
  '*',
  '{',
  '- ',
  '&a ',
  '*a',
  '!!binary ',
];

type TextEdit = (lines: string[], random: Random, other: string[]) => void;

const TEXT_EDITS: readonly TextEdit[] = [
  (lines, random) => void lines.splice(random.below(lines.length), 1),
  (lines, random) => {
    const at = random.below(lines.length);
    lines.splice(random.below(lines.length), 0, lines[at] ?? '');
  },
  (lines, random) => {
    const [line = ''] = lines.splice(random.below(lines.length), 1);
    lines.splice(random.below(lines.length), 0, line);
  },
  (lines, random) =>
    void lines.splice(random.below(lines.length + 1), 0, `${random.pick(LINES)}\r\n`),
  // Among the first lines stands the header, which decides most.
  (lines, random) =>
    void lines.splice(random.below(Math.min(12, lines.length)), 0, `${random.pick(LINES)}\r\n`),
  (lines, random) => {
    const at = random.below(lines.length);
    lines[at] = (lines[at] ?? '').replace(/\r?\n?$/, random.pick(LINE_ENDS));
  },
  (lines, random) => {
    const end = random.pick(LINE_ENDS);
    for (const [at, line] of lines.entries()) lines[at] = line.replace(/\r?\n?$/, end);
  },
  (lines, random) => {
    const at = random.below(lines.length);
    const line = lines[at] ?? '';
    const cut = random.below(line.length + 1);
    lines[at] = line.slice(0, cut) + random.pick(FRAGMENTS) + line.slice(cut);
  },
  // Folded somewhere.
  (lines, random) => {
    const at = random.below(lines.length);
    const line = lines[at] ?? '';
    const cut = random.below(line.length + 1);
    lines[at] = `${line.slice(0, cut)}\r\n${random.pick([' ', '\t', ''])}${line.slice(cut)}`;
  },
  // Delimiters: all forms that one reader takes for one and another does not.
  (lines, random) => {
    const delimiters = [...lines.keys()].filter((at) => lines[at]?.startsWith('--'));
    if (delimiters.length === 0) return;
    const at = random.pick(delimiters);
    const line = (lines[at] ?? '').replace(/\r?\n$/, '');
    const forms = [
      `${line} \r\n`,
      `${line}\t\r\n`,
      `${line}--\r\n`,
      ` ${line}\r\n`,
      `${line}x\r\n`,
      `${line}\n`,
      `-${line}\r\n`,
      line.toUpperCase(),
      `${line}\r\n${line}\r\n`,
      `${line}\r\n${random.pick(LINES)}\r\n\r\nforeign text\r\n${line}\r\n`,
      // A part more at the end, or at the beginning.
      `${line.replace(/--$/, '')}\r\n\r\nforeign text\r\n${line}\r\n`,
      `${line.replace(/--$/, '')}\r\nContent-Type: text/html\r\n\r\n<p>foreign\r\n${line}\r\n`,
    ];
    lines[at] = random.pick(forms);
  },
  // Names of fields in another case, or with space before the colon.
  (lines, random) => {
    const at = random.below(Math.min(16, lines.length));
    const line = lines[at] ?? '';
    lines[at] = random.pick([line.toUpperCase(), line.toLowerCase(), line.replace(':', ' :')]);
  },
  (lines, random, other) => {
    const from = random.below(other.length);
    const piece = other.slice(from, from + 1 + random.below(20));
    lines.splice(random.below(lines.length + 1), random.below(2) * piece.length, ...piece);
  },
  // The header of one, the body of the other, and the other way round.
  (lines, random, other) => {
    const blank = Math.max(0, lines.indexOf('\r\n'));
    const foreignBlank = Math.max(0, other.indexOf('\r\n'));
    const taken = random.below(2) === 0 ? other.slice(foreignBlank) : other.slice(0, foreignBlank);
    if (taken[0] === '\r\n') lines.splice(blank, lines.length, ...taken);
    else lines.splice(0, blank, ...taken);
  },
  // Inside another multipart, after or before foreign text.
  (lines, random) => {
    const text = '--x\r\nContent-Type: text/html\r\n\r\n<p>foreign\r\n';
    const whole = `--x\r\n${lines.join('')}\r\n`;
    const parts = random.pick([whole + text, text + whole, text + whole + text, whole]);
    const from = lines.find((line) => /^from:/i.test(line)) ?? 'From: alice@acme.example\r\n';
    const head = `${from}Content-Type: multipart/${random.pick(['mixed', 'alternative', 'signed', 'related'])}; boundary=x\r\n\r\n`;
    lines.splice(0, lines.length, head, parts, '--x--\r\n');
  },
  (lines, random) => {
    const head = random.pick([
      'From: mallory@evil.example\r\nContent-Type: message/rfc822\r\n\r\n',
      'Content-Type: message/rfc822\r\n\r\n',
    ]);
    lines.unshift(head.repeat(1 + random.below(3)));
  },
  // Repeated until a count is too high.
  (lines, random) => {
    const at = random.below(lines.length);
    const line = lines[at] ?? '';
    const count = Math.min(random.below(400), Math.floor(100_000 / (line.length + 1)));
    lines.splice(at, 0, ...Array.from({ length: count }, () => line));
  },
  // Base64 and quoted-printable damage.
  (lines, random) => {
    const coded = [...lines.keys()].filter((at) =>
      /^[A-Za-z0-9+/=]{20,}\r?\n?$/.test(lines[at] ?? ''),
    );
    if (coded.length === 0) return;
    const at = random.pick(coded);
    const line = lines[at] ?? '';
    const cut = random.below(line.length);
    const damage = [
      '=',
      '====',
      '-',
      '_',
      ' ',
      '\t',
      '!',
      '\0',
      '\r\n',
      '\r\n\r\n',
      '\n',
      '.',
      'A',
    ];
    lines[at] = line.slice(0, cut) + random.pick(damage) + line.slice(cut + random.below(3));
  },
  (lines, random) => {
    const coded = [...lines.keys()].filter((at) =>
      /^[A-Za-z0-9+/=]{20,}\r?\n?$/.test(lines[at] ?? ''),
    );
    if (coded.length === 0) return;
    const at = random.pick(coded);
    const text = (lines[at] ?? '').replace(/\r?\n$/, '');
    const bytes = Buffer.from(text, 'base64');
    const where = random.below(bytes.length);
    bytes[where] = (bytes[where] ?? 0) ^ (1 << random.below(8));
    lines[at] = `${bytes.toString('base64')}\r\n`;
  },
];

/** Lines with their ends. */
function linesOf(bytes: Buffer): string[] {
  return bytes.toString('latin1').match(/[^\n]*\n|[^\n]+$/g) ?? [''];
}

/** One change to the lines of a message or another text. */
export function mutateText(bytes: Buffer, random: Random, other: Buffer): Buffer {
  const lines = linesOf(bytes);
  random.pick(TEXT_EDITS)(lines, random, linesOf(other));
  return Buffer.from(lines.join(''), 'latin1');
}
