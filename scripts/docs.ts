/**
 * `npm run docs`: writes every generated page. `--check` writes nothing and fails with the names
 * of the pages that are not what they should be.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { permissionsOf, ROLES } from '../packages/accounts/src/index.ts';
import { auditEventSchema } from '../packages/audit-log/src/index.ts';
import { formatReference } from '../packages/config/src/index.ts';
import { enhancedCode, FATES, FAULTS, isFaultId, OUTAGES } from '../packages/faults/src/index.ts';
import { METRIC_SERVERS, METRICS } from '../packages/log/src/index.ts';
import { policyDocumentSchema } from '../packages/policy/src/index.ts';
import { apiRoutes } from '../services/console/src/api/index.ts';
import { PROBLEMS } from '../services/console/src/api/problem.ts';
import { readRecorded } from '../test/interop/matrix/record.ts';
import { formatApi } from './docs/api.ts';
import { formatEvents } from './docs/events.ts';
import { type FaultRow, formatFaults, formatOutages } from './docs/faults.ts';
import { formatInterop } from './docs/interop.ts';
import { formatMetrics } from './docs/metrics.ts';
import { formatPolicy } from './docs/policy.ts';
import { findMarks } from './docs/rfc-marks.ts';
import { checkStatuses, formatRfcIndex } from './docs/rfc-page.ts';
import { RFC_STATUSES } from './docs/rfc-status.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function faultRows(): FaultRow[] {
  return Object.entries(FAULTS).flatMap(([id, entry]) =>
    isFaultId(id)
      ? [{ id, enhanced: enhancedCode(id), fates: FATES[id].fates, note: FATES[id].note, ...entry }]
      : [],
  );
}

function makeApiPage(): string {
  const routes = apiRoutes.map((route) => ({
    ...route,
    roles: ROLES.filter((role) => permissionsOf([role]).has(route.permission)),
  }));
  return formatApi(
    routes,
    Object.entries(PROBLEMS).map(([id, problem]) => ({ id, ...problem })),
  );
}

function makePages(): ReadonlyMap<string, string> {
  const faults = faultRows();
  const marks = findMarks(root);
  return new Map([
    ['docs/reference/faults.md', formatFaults(faults)],
    ['docs/reference/outages.md', formatOutages(OUTAGES, faults)],
    ['docs/reference/api.md', makeApiPage()],
    ['docs/reference/config.md', formatReference()],
    ['docs/reference/metrics.md', formatMetrics(METRICS, METRIC_SERVERS)],
    ['docs/reference/interop.md', formatInterop(readRecorded())],
    [
      'docs/reference/policy.md',
      formatPolicy(policyDocumentSchema.toJSONSchema({ io: 'input', unrepresentable: 'any' })),
    ],
    [
      'docs/reference/events.md',
      formatEvents(auditEventSchema.toJSONSchema({ io: 'input', unrepresentable: 'any' })),
    ],
    ['docs/rfc/index.md', formatRfcIndex(marks, RFC_STATUSES)],
  ]);
}

function readPage(path: string): string | null {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return null;
  }
}

function run(isCheck: boolean): number {
  const wrong = checkStatuses(findMarks(root), RFC_STATUSES);
  for (const line of wrong) process.stderr.write(`${line}\n`);
  if (wrong.length > 0) return 1;
  const pages = makePages();
  const stale = [...pages].filter(([path, text]) => readPage(path) !== text);
  for (const [path, text] of stale) {
    if (isCheck) {
      process.stderr.write(`${path} is stale: run npm run docs and commit it.\n`);
      continue;
    }
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    process.stdout.write(`wrote ${path}\n`);
  }
  return isCheck && stale.length > 0 ? 1 : 0;
}

process.exitCode = run(process.argv.includes('--check'));
