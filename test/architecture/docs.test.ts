import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { test } from 'node:test';
import { AUDIT_EVENT_KINDS } from '@sallyport/audit-log';
import { parseConfig } from '@sallyport/config';
import { enhancedCode, FATES, FAULTS, faultOf, isFaultId, OUTAGES } from '@sallyport/faults';
import { parsePolicyYaml } from '@sallyport/policy-store/write';
import { findMarks } from '../../scripts/docs/rfc-marks.ts';
import { checkStatuses } from '../../scripts/docs/rfc-page.ts';
import { RFC_STATUSES } from '../../scripts/docs/rfc-status.ts';
import { buildProgram } from '../../services/cli/src/program.ts';
import { ROOT } from './sources.ts';

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

const PAGES = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'].concat(
  globSync('docs/**/*.md', { cwd: ROOT }),
);

/** The first cells of a table's rows, where they are code. */
function codeCells(page: string): readonly string[] {
  return [...page.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '');
}

test('the generated pages are fresh', () => {
  const made = spawnSync(process.execPath, [join(ROOT, 'scripts/docs.ts'), '--check'], {
    encoding: 'utf8',
  });
  assert.equal(made.status, 0, made.stderr);
});

test('every fault is documented, and nothing else is', () => {
  const told = codeCells(read('docs/reference/faults.md'));
  assert.deepEqual([...told].sort(), Object.keys(FAULTS).sort());
});

test('every fault in the pages that people wrote exists', () => {
  for (const page of globSync('docs/*.md', { cwd: ROOT })) {
    for (const [, id = ''] of read(page).matchAll(/fault `([a-z-]+)`/g)) {
      assert.ok(isFaultId(id), `${page} names the fault ${id}`);
    }
  }
});

test('every audit event is documented, and nothing else is', () => {
  const told = [...read('docs/reference/events.md').matchAll(/^## (.+)$/gm)].map((m) => m[1]);
  assert.deepEqual(told.sort(), [...AUDIT_EVENT_KINDS].sort());
});

test('every fault has a fate, and a transient one is never refused', () => {
  assert.deepEqual(Object.keys(FATES).sort(), Object.keys(FAULTS).sort());
  for (const [id, { fates, note }] of Object.entries(FATES)) {
    assert.ok(isFaultId(id));
    assert.ok(note.endsWith('.'), id);
    if (faultOf(id).class === 'transient') assert.ok(!fates.some((one) => one === 'refused'), id);
    // Only a reply can refuse.
    if (faultOf(id).code === null) assert.ok(!fates.some((one) => one === 'refused'), id);
  }
});

test('the table of outages agrees with the fates of its faults', () => {
  for (const { outage, fault, first, then } of OUTAGES) {
    const fates: readonly string[] = FATES[fault].fates;
    assert.ok(fates.includes(first), `${outage}: ${fault} ${first}`);
    if (then === null || then === 'goes on signed') continue;
    // Whatever waits or is held long enough comes back; a report to an unproven author is held.
    assert.ok(then === 'comes back' || then === 'held', `${outage}: ${fault} ${then}`);
  }
});

test('the outages that must be told are told, with code and sentence', () => {
  const page = read('docs/reference/outages.md');
  for (const fault of [
    'recipient-certificate-missing',
    'directory-unreachable',
    'dns-failure',
    'recipient-certificate-expired',
    'recipient-certificate-mismatch',
    'keyholder-unavailable',
    'recorder-unavailable',
    'tls-not-offered',
    'scanner-unavailable',
  ] as const) {
    const row = page.split('\n').find((line) => line.includes(`| \`${fault}\` |`)) ?? '';
    assert.ok(row.includes(enhancedCode(fault)), fault);
    assert.ok(row.includes(faultOf(fault).text), fault);
  }
});

test('every RFC mark has a status, and every status that says yes has a mark', () => {
  assert.deepEqual(checkStatuses(findMarks(ROOT), RFC_STATUSES), []);
});

test('an RFC mark without a status is found', () => {
  const mark = { rfc: 99_999, section: '1', files: ['packages/x/src/y.ts'], tests: [] };
  assert.match(checkStatuses([mark], {}).join(), /RFC 99999 is marked in packages\/x\/src\/y\.ts/);
});

test('the example configs are valid', () => {
  const files = globSync('deploy/config/*.yaml', { cwd: ROOT });
  assert.ok(files.length >= 3);
  for (const file of files) {
    const parsed = parseConfig(read(file), '/srv/sallyport');
    assert.deepEqual(parsed.kind === 'ok' ? [] : parsed.faults, [], file);
  }
});

test('config and policy in the pages are valid', () => {
  let found = 0;
  for (const page of PAGES) {
    for (const [, name, yaml = ''] of read(page).matchAll(
      /```yaml\n# (gateway|partners)\.yaml\n([\s\S]*?)```/g,
    )) {
      found += 1;
      const parsed =
        name === 'gateway' ? parseConfig(yaml, '/srv/sallyport') : parsePolicyYaml(yaml);
      assert.deepEqual(parsed.kind === 'ok' ? [] : parsed.faults, [], page);
    }
  }
  assert.ok(found > 0);
});

test('the README opens with the two commands', () => {
  const readme = read('README.md');
  const blocks = [...readme.matchAll(/```[a-z]*\n([\s\S]*?)```/g)].map((m) => m[1]?.trim());
  assert.deepEqual(blocks.slice(0, 2), ['npm ci && npm start', 'npm ci && npm test']);
});

test('the commands in the pages exist, with their options', () => {
  let found = 0;
  for (const page of PAGES) {
    for (const [, line = ''] of read(page).matchAll(/^npx --no sallyport (.+)$/gm)) {
      const unknown = unknownWord(line);
      assert.equal(unknown, null, `${page}: sallyport ${line} names ${unknown}`);
      found += 1;
    }
  }
  assert.ok(found > 20);
  assert.equal(unknownWord('queue list --nothing x'), '--nothing');
  assert.equal(unknownWord('queue nothing'), 'nothing');
});

/** The first command or option of the line that the program does not have. */
function unknownWord(line: string): string | null {
  let command = buildProgram();
  for (const word of line.split(/\s+/)) {
    if (word.startsWith('--')) {
      if (!command.options.some((option) => option.long === word)) return word;
    } else if (command.commands.length > 0) {
      const next = command.commands.find((one) => one.name() === word);
      if (next === undefined) return word;
      command = next;
    }
  }
  return null;
}

test('the scripts that the pages name exist', () => {
  const manifest = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const page of PAGES) {
    for (const [, name = ''] of read(page).matchAll(/npm run ([a-z0-9:-]+)/g)) {
      assert.ok(name in manifest.scripts, `${page} names npm run ${name}`);
    }
  }
});

test('links between pages lead somewhere', () => {
  for (const page of PAGES) {
    for (const [, target = ''] of read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)/g)) {
      assert.ok(existsSync(join(ROOT, dirname(page), target)), `${page} links to ${target}`);
    }
  }
});

test('no page names a place on a machine of ours', () => {
  for (const page of [...PAGES, ...globSync('deploy/config/*.yaml', { cwd: ROOT })]) {
    assert.doesNotMatch(read(page), /\/(?:home|root|Users|work)\//, page);
  }
});
