import { formatHead, formatTable } from './table.ts';

interface Cell {
  readonly out: string;
  readonly in: string;
}

/** What `npm run interop` recorded (test/interop/matrix/record.ts). */
export interface InteropRecord {
  readonly peers: Readonly<Record<string, string>>;
  readonly rows: readonly {
    readonly kind: 'signature' | 'key' | 'content';
    readonly title: string;
    readonly cells: Readonly<Record<string, Cell>>;
  }[];
}

const SECTIONS = [
  ['signature', 'Signatures'],
  ['key', 'Keys of the recipients'],
  ['content', 'Content ciphers'],
] as const;

/** The page of what was tried with whom. */
export function formatInterop(recorded: InteropRecord): string {
  const peers = Object.keys(recorded.peers);
  const head = peers.map((name) => recorded.peers[name] ?? name);
  const sections = SECTIONS.flatMap(([kind, title]) => [
    `## ${title}`,
    '',
    ...formatTable(
      ['algorithm', ...head],
      recorded.rows
        .filter((row) => row.kind === kind)
        .map((row) => [row.title, ...peers.map((name) => cellText(row.cells[name]))]),
    ),
    '',
  ]);
  return [
    ...formatHead('Interoperability', 'test/interop/matrix/recorded.json'),
    'What other programs and this engine make of each other. The record is written by',
    '`npm run interop`. `npm test` tries it all again and compares each cell; Bouncy Castle stands',
    'apart, in `npm run test:interop-java`.',
    '',
    'A cell is: ours read by the program / its own read by us.',
    '',
    '- **yes**: it works, with the content unchanged. Signatures are tried detached and opaque,',
    '  content with 10 KB and with odd sizes.',
    '- **no peer**: the program cannot do this. Where it could not read ours, a message of OpenSSL',
    '  was tried too, and it could not read that either.',
    '- **not sent**: we only read it. Legacy algorithms are read only where policy allows it.',
    '',
    'Keys of the recipients are tried with AES-256-CBC, content ciphers with RSAES-PKCS1-v1_5.',
    'NSS and gpgsm choose some parameters by themselves: a cell counts what their message says.',
    'Whatever we send we also read back ourselves: in a row without any `yes` that is all there is',
    'beside the messages of test/vectors.',
    '',
    ...sections,
  ].join('\n');
}

function cellText(cell: Cell | undefined): string {
  return cell === undefined ? '-' : `${cell.out} / ${cell.in}`;
}
