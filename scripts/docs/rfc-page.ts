import type { RfcMark } from './rfc-marks.ts';
import type { RfcStatus } from './rfc-status.ts';
import { formatHead, formatTable } from './table.ts';

type Statuses = Readonly<Record<number, RfcStatus>>;

/** What is wrong between marks and statuses, one line each. */
export function checkStatuses(marks: readonly RfcMark[], statuses: Statuses): readonly string[] {
  const missing = new Set(marks.map((mark) => mark.rfc).filter((rfc) => !(rfc in statuses)));
  const idle = Object.entries(statuses).filter(
    ([rfc, row]) => row.status === 'yes' && !marks.some((mark) => mark.rfc === Number(rfc)),
  );
  return [
    ...[...missing].map((rfc) => {
      const path = marks.find((mark) => mark.rfc === rfc)?.files[0] ?? 'a test';
      return `RFC ${rfc} is marked in ${path} and has no row in scripts/docs/rfc-status.ts.`;
    }),
    ...idle.map(([rfc]) => `RFC ${rfc} says yes in scripts/docs/rfc-status.ts and has no mark.`),
  ];
}

/** The index of RFCs: status of each, then every section with its files. */
export function formatRfcIndex(marks: readonly RfcMark[], statuses: Statuses): string {
  const rfcs = Object.keys(statuses).map(Number);
  rfcs.sort((a, b) => a - b);
  const sections = rfcs.flatMap((rfc) => {
    const own = marks.filter((mark) => mark.rfc === rfc);
    if (own.length === 0) return [];
    const rows = own.map(({ section, files, tests }) => [section, list(files), list(tests)]);
    return [
      `## RFC ${rfc}`,
      '',
      statuses[rfc]?.title ?? '',
      '',
      ...formatTable(['section', 'code', 'tests'], rows),
      '',
    ];
  });
  const summary = rfcs.map((rfc) => {
    const row = statuses[rfc];
    const marked = marks.some((mark) => mark.rfc === rfc);
    return [
      marked ? `[${rfc}](#rfc-${rfc})` : String(rfc),
      row?.title ?? '',
      row?.status ?? '',
      row?.why ?? '',
    ];
  });
  return [
    ...formatHead('RFC index', 'the marks `RFC n section s` in packages and services'),
    'Status of each RFC: **yes** (what the gateway needs of it is there), **partial**, **planned**,',
    '**no**. The last column says why.',
    '',
    ...formatTable(['RFC', 'title', 'status', 'why'], summary),
    '',
    ...sections,
  ].join('\n');
}

function list(paths: readonly string[]): string {
  return paths.map((path) => `\`${path}\``).join('<br>');
}
