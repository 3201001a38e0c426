import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { appendFile, copyFile, mkdtemp, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  StoreBusy,
  type UserCertificate,
  UserCertificates,
  UserCertificateWriter,
} from './index.ts';

const AT = new Date('2026-06-01T00:00:00Z');

function certificateOf(
  mail: readonly string[],
  day: number,
  how: { readonly use?: UserCertificate['use']; readonly name?: string } = {},
): UserCertificate {
  const use = how.use ?? 'encryption';
  const der = Buffer.from(`${mail.join()} ${day} ${use} ${how.name ?? ''}`);
  const key = createHash('sha1').update(der).digest('base64').replace('=', '');
  return {
    kind: 'certificate',
    mail,
    use,
    notBefore: new Date(Date.UTC(2026, 0, day)),
    notAfter: new Date(Date.UTC(2027, 0, day)),
    keys: {
      certHash: [key],
      iAndSHash: [key],
      sHash: [mail.join()],
      sKIDHash: [],
      name: [how.name ?? 'Somebody'],
    },
    der,
  };
}

describe("users' certificates", () => {
  let folder = '';
  const file = (): string => join(folder, 'certificates');
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sallyport-users-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const write = async (...certificates: UserCertificate[]): Promise<string[]> => {
    await using writer = await UserCertificateWriter.open(folder);
    const outcomes: string[] = [];
    for (const one of certificates) outcomes.push(await writer.add(one));
    return outcomes;
  };
  const read = async (): Promise<UserCertificates> => {
    const users = new UserCertificates(folder);
    await users.refresh();
    return users;
  };
  const daysOf = async (users: UserCertificates, address: string): Promise<number[]> =>
    (await users.ofAddress(address)).map(({ notBefore }) => notBefore.getUTCDate()).sort();

  test('no file is no certificate', async () => {
    const users = await read();
    assert.deepEqual(await users.ofAddress('a@acme.example'), []);
    assert.equal(users.records, 0);
  });

  test('a newer certificate takes the place of an older one of the same use, never the other way', async () => {
    const a = ['a@acme.example'];
    const outcomes = await write(
      certificateOf(a, 5),
      certificateOf(a, 5),
      certificateOf(a, 3),
      certificateOf(a, 7),
      certificateOf(a, 2, { use: 'signature' }),
    );
    assert.deepEqual(outcomes, ['added', 'known', 'older', 'replaced', 'added']);
    const users = await read();
    assert.deepEqual(await daysOf(users, 'a@acme.example'), [2, 7]);
    const former = certificateOf(a, 5).keys.certHash[0] ?? '';
    assert.deepEqual(await users.ofKey('certHash', former), {
      kind: 'certificates',
      certificates: [],
    });
    await users.close();
  });

  test('a certificate of two addresses stays with the one that has no newer one', async () => {
    await write(
      certificateOf(['a@acme.example', 'b@acme.example'], 1),
      certificateOf(['a@acme.example'], 2),
    );
    const users = await read();
    assert.deepEqual(await daysOf(users, 'a@acme.example'), [2]);
    assert.deepEqual(await daysOf(users, 'b@acme.example'), [1]);
    await users.close();
  });

  test('what is removed is found by nothing, until it is added again', async () => {
    const one = certificateOf(['a@acme.example'], 1, { name: 'Ada' });
    await write(one);
    await using writer = await UserCertificateWriter.open(folder);
    assert.equal(await writer.remove('a@acme.example', AT), true);
    assert.equal(await writer.remove('a@acme.example', AT), false);
    await writer.flush();
    const users = await read();
    assert.deepEqual(await users.ofAddress('a@acme.example'), []);
    assert.deepEqual(await users.ofKey('name', 'Ada'), { kind: 'certificates', certificates: [] });
    assert.equal(await writer.add(one), 'added');
    await writer.flush();
    await users.refresh();
    assert.deepEqual(await daysOf(users, 'a@acme.example'), [1]);
    await users.close();
  });

  test('a line torn by a kill is cut off, and what was whole is kept', async () => {
    await write(certificateOf(['a@acme.example'], 1), certificateOf(['b@acme.example'], 1));
    const { size } = await stat(file());
    for (const cut of [1, 40, 200]) {
      const handle = await open(file(), 'r+');
      await handle.truncate(size - cut);
      await handle.close();
      const torn = await read();
      assert.deepEqual(await daysOf(torn, 'a@acme.example'), [1]);
      assert.deepEqual(await daysOf(torn, 'b@acme.example'), []);
      await torn.close();
      assert.deepEqual(await write(certificateOf(['b@acme.example'], 1)), ['added']);
      assert.equal((await stat(file())).size, size);
    }
  });

  test('a damaged line loses its own certificate only, and is taken again', async () => {
    const three = ['a', 'b', 'c'].map((name) => certificateOf([`${name}@acme.example`], 1));
    await write(...three);
    const handle = await open(file(), 'r+');
    await handle.write('X', Math.floor((await handle.stat()).size / 2));
    await handle.close();
    const users = await read();
    assert.equal(users.damaged, 1);
    assert.deepEqual(await users.ofAddress('b@acme.example'), []);
    assert.deepEqual(await daysOf(users, 'c@acme.example'), [1]);
    await users.close();
    assert.deepEqual(await write(...three), ['known', 'added', 'known']);
  });

  test('a line longer than any of ours is passed over, however long', async () => {
    await write(certificateOf(['a@acme.example'], 1));
    await appendFile(file(), `${'x'.repeat(700_000)}\n`);
    await write(certificateOf(['b@acme.example'], 1));
    const users = await read();
    assert.equal(users.damaged, 1);
    assert.deepEqual(await daysOf(users, 'b@acme.example'), [1]);
    await users.close();
  });

  test('a reader sees what is appended, and another file in its place', async () => {
    await write(certificateOf(['a@acme.example'], 1));
    const users = await read();
    await copyFile(file(), join(folder, 'former'));
    await write(certificateOf(['b@acme.example'], 1));
    assert.deepEqual(await users.ofAddress('b@acme.example'), []);
    await users.refresh();
    assert.deepEqual(await daysOf(users, 'b@acme.example'), [1]);
    await rename(join(folder, 'former'), file());
    await users.refresh();
    assert.deepEqual(await users.ofAddress('b@acme.example'), []);
    assert.deepEqual(await daysOf(users, 'a@acme.example'), [1]);
    await users.close();
  });

  test('compacted, the store has only what is in force, and readers go on', async () => {
    const [a, b] = [['a@acme.example'], ['b@acme.example']];
    await write(certificateOf(a, 1), certificateOf(a, 2), certificateOf(b, 1));
    const users = await read();
    await using writer = await UserCertificateWriter.open(folder);
    await writer.add(certificateOf(['c@acme.example', 'b@acme.example'], 2));
    await writer.remove('b@acme.example', AT);
    assert.deepEqual(await writer.compact(), { before: 5, after: 2 });
    assert.equal(await writer.add(certificateOf(a, 3)), 'replaced');
    assert.equal(await writer.add(certificateOf(a, 2)), 'older');
    await writer.flush();
    assert.deepEqual(await daysOf(users, 'a@acme.example'), [2]);
    await users.refresh();
    assert.deepEqual(await daysOf(users, 'a@acme.example'), [3]);
    assert.deepEqual(await users.ofAddress('b@acme.example'), []);
    assert.deepEqual(await daysOf(users, 'c@acme.example'), [2]);
    assert.equal(users.records, 3);
    await users.close();
  });

  test('what more than one person could have is not listed', async () => {
    const many = Array.from({ length: 100 }, (_, i) =>
      certificateOf([`user${i}@acme.example`], 1, { name: 'Employee' }),
    );
    await write(...many.slice(0, 16));
    const users = await read();
    const sixteen = await users.ofKey('name', 'Employee');
    assert.equal(sixteen.kind === 'certificates' && sixteen.certificates.length, 16);
    await write(...many);
    await users.refresh();
    assert.deepEqual(await users.ofKey('name', 'Employee'), { kind: 'too-many' });
    assert.deepEqual(await users.ofKey('name', 'employee'), {
      kind: 'certificates',
      certificates: [],
    });
    await users.close();
  });

  test('one writes at a time; the mark of a writer that was killed stops nobody', async () => {
    const first = await UserCertificateWriter.open(folder);
    await assert.rejects(UserCertificateWriter.open(folder), StoreBusy);
    await first.close();
    // No process has a number this high.
    await writeFile(join(folder, 'writer'), '4194999\n');
    await (await UserCertificateWriter.open(folder)).close();
  });
});
