import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { createResolver, type DoorName, LookupMemory, locateCertificates } from '@sallyport/lookup';
import { type Mailbox, parseMailbox, systemClock } from '@sallyport/mail';
import { formatPemCertificate, parsePemCertificates } from '@sallyport/pki';
import { makeTestPki } from '../../services/cli/src/directory/test-pki.ts';
import { makeDirectory, startDirectoryProcess } from '../harness/directory.ts';
import { startDns } from '../harness/dns.ts';
import { sallyport } from '../harness/gateway.ts';

async function derOf(file: string): Promise<Buffer> {
  const [parsed] = parsePemCertificates(await readFile(file, 'utf8'));
  assert.equal(parsed?.kind, 'certificate');
  return parsed.kind === 'certificate' ? parsed.value.der : Buffer.alloc(0);
}

test('CD-8: what we publish is found through each of our own doors, by the zone that we print', async () => {
  await using run = await makeDirectory();
  const { gateway } = run;
  const pki = makeTestPki(new Date());
  const encryption = pki.issue('ada@acme.example');
  const signature = pki.issue('ada@acme.example', { keyUsage: ['digitalSignature'] });
  const users = join(gateway.folder, 'users.pem');
  await writeFile(users, [encryption, signature].map(formatPemCertificate).join(''));
  const imported = await sallyport('directory', 'import', users, '--config', gateway.configFile);
  assert.equal(imported.code, 0, imported.stderr);
  await using _directory = await startDirectoryProcess(run);
  const zone = await sallyport('dns', '--config', gateway.configFile);
  const records = ['gw IN A 127.0.0.1', ...String(zone.stdout).split('\n')];
  await using dns = await startDns([{ name: 'acme.example', kind: 'signed', records }]);

  const found = async (door: DoorName, address: string): Promise<Set<string>> => {
    const { host, port } = dns;
    const result = await locateCertificates({
      mailbox: parseMailbox(address) as Mailbox,
      role: 'confidentiality',
      doors: [door],
      pinned: [],
      // Nothing is good enough, so that every find is told.
      validate: () => ({ kind: 'unusable', code: 'seen', reason: 'only looked at' }),
      ports: {
        resolver: createResolver({
          servers: [{ address: host, port }],
          trusted: true,
          timeoutMs: 3_000,
          clock: systemClock,
          random: () => 0,
        }),
        clock: systemClock,
        random: () => 0,
        memory: new LookupMemory(systemClock),
        allowPrivateAddresses: true,
      },
    });
    return new Set(result.unusable.map(({ candidate }) => candidate.der.toString('hex')));
  };
  const dca = (await derOf(gateway.dcaFile)).toString('hex');
  const adas = [encryption, signature].map((der) => der.toString('hex'));
  for (const door of ['ldap-srv', 'http-srv'] as const) {
    const ada = await found(door, 'ada@acme.example');
    for (const der of [...adas, dca]) assert.ok(ada.has(der), `${door} finds all of Ada's`);
    assert.deepEqual(await found(door, 'bob@acme.example'), new Set([dca]), door);
  }
  for (const door of ['smimea', 'cert'] as const) {
    assert.deepEqual(await found(door, 'bob@acme.example'), new Set([dca]), door);
  }
});
