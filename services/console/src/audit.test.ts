import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { crc32, inflateRawSync } from 'node:zlib';
import { permissionsOf, type Role } from '@sallyport/accounts';
import {
  eventProofSchema,
  LOG_KEY_FILE,
  verifyBundle,
  verifyEventProof,
} from '@sallyport/audit-log';
import type { Actor } from './actor.ts';
import { CSRF, EVENTS, HELD, type TestConsole, testConsole } from './testing.ts';

describe('the audit log', () => {
  let world: TestConsole;
  before(async () => {
    world = await testConsole();
    await world.log(...EVENTS);
  });
  after(async () => await world[Symbol.asyncDispose]());
  const get = async (url: string) => await world.ask({ as: 'auditor', url });

  test('shows the fingerprint of its key and the last head', async () => {
    const { keyFingerprint, head, isSigned } = await world.desk.audit.head();
    const body = (await get('/audit')).payload;
    assert.ok(isSigned && body.includes(keyFingerprint ?? '-') && body.includes(head?.root ?? '-'));
  });

  test('is searched by kind, id, address and by whom', async () => {
    const found = async (query: string): Promise<number> =>
      ((await get(`/audit?${query}`)).payload.match(/href="\/audit\/events\//g) ?? []).length;
    assert.equal(await found(''), 3);
    assert.equal(await found('kind=held'), 1);
    assert.equal(await found('kind=held+decided'), 2);
    assert.equal(await found(`id=${HELD}`), 3);
    assert.equal(await found('address=bob@bravo.example'), 1);
    assert.equal(await found('by=nobody'), 0);
  });

  test('an event comes with a proof that verifies without the console', async () => {
    const key = createPublicKey(
      await readFile(`${world.options.folders.audit}/${LOG_KEY_FILE}`, 'utf8'),
    );
    const answer = await get('/audit/events/1/proof');
    assert.match(String(answer.headers['content-disposition']), /attachment/);
    const proof = eventProofSchema.parse(answer.json());
    assert.ok(verifyEventProof(proof, key));
    assert.ok(!verifyEventProof({ ...proof, leaf: proof.leaf.replace('hold', 'pass') }, key));
    assert.deepEqual((await get('/api/v1/audit/events/1/proof')).json(), proof);
  });

  test('has no event beyond its end, and none by a name that is no number', async () => {
    for (const index of ['3', '-1', '1e3', '9999999999999999', 'x']) {
      assert.equal((await get(`/audit/events/${index}`)).statusCode, 404, index);
      assert.equal((await get(`/audit/events/${index}/proof`)).statusCode, 404, index);
    }
  });

  test('an export is on record first, and its archive verifies offline, event by event', async () => {
    const files = await exportOf(world, { format: 'csv' });
    const [taken] = await world.logged('audit-exported');
    assert.equal(taken?.personal['by'], 'auditor@acme.example');
    assert.equal(taken?.facts['events'], 3);
    const csv = files.get('events.csv') ?? '';
    assert.match(csv, /alice@acme\.example/);
    assert.equal(csv.trim().split('\r\n').length, 4);
    const verdict = await verifyBundle(linesOf(files), { publicKey: null });
    assert.equal(verdict.kind === 'ok' && verdict.events, 3);
    const lines = linesOf(files);
    lines[2] = (lines[2] ?? '').replace('hold', 'pass');
    assert.equal((await verifyBundle(lines, { publicKey: null })).kind, 'damaged');
  });

  test('personal fields are withheld on demand, and every proof holds', async () => {
    const files = await exportOf(world, { format: 'json', withhold: 'yes' });
    assert.deepEqual([...files.keys()], ['README.txt', 'events.jsonl', 'proof.jsonl']);
    for (const [name, text] of files) {
      assert.doesNotMatch(text, /alice|bob@/, name);
    }
    const verdict = await verifyBundle(linesOf(files), { publicKey: null });
    assert.equal(verdict.kind === 'ok' && verdict.withheld > 0, true);
  });

  test('an export whose search cannot be read takes nothing along', async () => {
    const count = (await world.logged('audit-exported')).length;
    for (const form of [{ since: 'soon' }, { kind: 'no-such-kind' }, { id: 'nothing' }]) {
      const answer = await world.ask({ ...EXPORT, form });
      assert.ok([409, 422].includes(answer.statusCode), `${answer.statusCode}`);
      assert.match(String(answer.headers['content-type']), /^text\/html/);
    }
    assert.equal((await world.logged('audit-exported')).length, count);
  });

  test('an export that is refused asks again as it was asked: withheld stays withheld', async () => {
    const form = { since: 'soon', format: 'json', withhold: 'yes' };
    const body = (await world.ask({ ...EXPORT, form })).payload;
    assert.match(body, /name="withhold" value="yes" checked/);
    assert.match(body, /<option value="json" selected/);
    const first = (await get('/audit/export')).payload;
    assert.doesNotMatch(first, /value="yes" checked/);
  });

  test('a time is one of RFC 3339 or of the form, in UTC; nothing else is guessed at', async () => {
    for (const since of ['5', '2026', 'Nov 21 2026', '2026-11-21', '2026-11-21T10:00+0100']) {
      const answer = await world.ask({ ...EXPORT, form: { since } });
      assert.equal(answer.statusCode, 422, since);
      assert.match(
        (await get(`/audit?${new URLSearchParams({ since })}`)).payload,
        /cannot be read/,
      );
    }
    for (const since of ['2026-11-21T12:00', '2026-11-21T12:00:00Z', '2026-11-21t13:00:00+01:00']) {
      const body = (await get(`/audit?${new URLSearchParams({ since, kind: 'held' })}`)).payload;
      assert.doesNotMatch(body, /cannot be read/, since);
      assert.match(body, /href="\/audit\/events\//, since);
    }
  });

  test('what is searched for is what the export is asked for: every kind, and the domain', async () => {
    const query = 'kind=held&kind=decided&domain=bravo.example&notice=saved';
    const body = (await get(`/audit?${query}`)).payload;
    assert.equal((body.match(/href="\/audit\/events\//g) ?? []).length, 1);
    assert.match(body, /value="held decided" selected/);
    const [, link = ''] = /href="(\/audit\/export\?[^"]*)"/.exec(body) ?? [];
    const asked = new URLSearchParams(link.replaceAll('&amp;', '&').split('?')[1]);
    assert.deepEqual(asked.getAll('kind'), ['held', 'decided']);
    assert.deepEqual([asked.get('domain'), asked.get('notice')], ['bravo.example', null]);
    const form = (await get(link.replaceAll('&amp;', '&'))).payload;
    assert.match(form, /value="held decided" selected/);
    assert.match(form, /name="domain" type="search" value="bravo\.example"/);
  });

  test('an account takes one export at a time, all of them two; who stops early gives the turn back', async () => {
    const order = { query: {}, format: 'json', withhold: false } as const;
    const begin = async (role: Role) => await world.desk.audit.export(actorOf(role), order);
    const first = await begin('auditor');
    assert.ok(first.kind === 'export');
    assert.equal((await begin('auditor')).kind, 'busy-own');
    const page = await world.ask({ ...EXPORT, form: { id: HELD } });
    assert.equal(page.statusCode, 429);
    assert.match(page.payload, /An export of yours is still under way/);
    const json = { format: 'json', withholdPersonal: true };
    const headers = { 'x-csrf': CSRF };
    const api = await world.ask({ ...EXPORT, url: '/api/v1/audit/export', json, headers });
    assert.equal(api.statusCode, 429);
    const second = await begin('security-admin');
    assert.ok(second.kind === 'export');
    assert.equal((await begin('mail-admin')).kind, 'busy-others');
    // One is left unread, the other is read to its end.
    await first.bytes[Symbol.asyncIterator]().return?.();
    for await (const piece of second.bytes) assert.ok(piece.length > 0);
    for (const role of ['auditor', 'security-admin'] as const) {
      const again = await begin(role);
      assert.ok(again.kind === 'export', role);
      await again.bytes[Symbol.asyncIterator]().return?.();
    }
    // What finds nothing holds no turn.
    for (let n = 0; n < 2; n += 1) {
      const none = await world.desk.audit.export(actorOf('auditor'), NOTHING);
      assert.equal(none.kind, 'nothing-found');
    }
  });

  test('the API exports the same archive, and withholds as it is told', async () => {
    const answer = await world.ask({
      ...EXPORT,
      url: '/api/v1/audit/export',
      json: { format: 'json', withholdPersonal: true, kinds: ['held'] },
      headers: { 'x-csrf': CSRF },
    });
    assert.equal(answer.headers['content-type'], 'application/zip');
    assert.equal(answer.rawPayload.readUInt32LE(0), 0x0403_4b50);
  });
});

/** An order that finds no event. */
const NOTHING = { query: { queueId: 'none' }, format: 'csv', withhold: false } as const;

function actorOf(role: Role): Actor {
  const name = `${role}@acme.example`;
  return {
    accountId: role,
    name,
    roles: [role],
    permissions: permissionsOf([role]),
    via: 'session',
  };
}

const EXPORT = { as: 'auditor', method: 'POST', url: '/audit/export' } as const;

/** Takes an export of the three events of this file and opens the archive. */
async function exportOf(
  world: TestConsole,
  fields: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string, string>> {
  const answer = await world.ask({ ...EXPORT, form: { id: HELD, ...fields } });
  assert.equal(answer.headers['content-type'], 'application/zip', answer.payload.slice(0, 200));
  return filesIn(answer.rawPayload);
}

/** Reads an archive from its end, as every program does that opens one. */
function filesIn(archive: Buffer): Map<string, string> {
  const end = archive.length - 22;
  assert.equal(archive.readUInt32LE(end), 0x0605_4b50);
  const files = new Map<string, string>();
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    assert.equal(archive.readUInt32LE(at), 0x0201_4b50);
    const packed = archive.readUInt32LE(at + 20);
    const nameBytes = archive.readUInt16LE(at + 28);
    const start = archive.readUInt32LE(at + 42) + 30 + nameBytes;
    const content = inflateRawSync(archive.subarray(start, start + packed));
    assert.equal(crc32(content), archive.readUInt32LE(at + 16));
    assert.equal(content.length, archive.readUInt32LE(at + 24));
    files.set(archive.toString('utf8', at + 46, at + 46 + nameBytes), content.toString());
    at += 46 + nameBytes;
  }
  assert.equal(at, end);
  return files;
}

function linesOf(files: ReadonlyMap<string, string>): string[] {
  return (files.get('proof.jsonl') ?? '').trimEnd().split('\n');
}
