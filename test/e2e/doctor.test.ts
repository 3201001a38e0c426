import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { formatLeafLine, LOG_KEY_FILE, leafOf } from '@sallyport/audit-log';
import type { Finding } from '../../services/cli/src/doctor/finding.ts';
import {
  assertFound,
  type GatewayCopy,
  lookAt,
  type Plant,
  soundGateway,
  writeLog,
} from '../harness/doctor.ts';
import { type Gateway, sallyport } from '../harness/gateway.ts';

const DAY_MS = 86_400_000;
const later = (days: number): Date => new Date(Date.now() + days * DAY_MS);

const keyFile = async ({ data }: GatewayCopy, name: RegExp): Promise<string> => {
  const found = (await readdir(join(data, 'keys'))).find((one) => name.test(one));
  assert.ok(found !== undefined);
  return join(data, 'keys', found);
};

const withAgreement = (validUntil: string): object => ({
  partners: [
    {
      name: 'b',
      domains: ['b.example'],
      agreement: { id: 'x', asserts: 'x', contact: 'x@b.example', validUntil },
    },
  ],
});

describe('doctor finds what is wrong on this host', () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let copyOf: () => Promise<GatewayCopy>;

  before(async () => {
    ({ gateway, copyOf } = await soundGateway(stack));
  });
  after(() => stack.disposeAsync());

  const PLANTS: readonly Plant[] = [
    {
      what: 'a key that the config does not know',
      code: 'config',
      level: 'fault',
      plant: (copy) =>
        copy.config((config) => {
          config['colour'] = 'blue';
        }),
    },
    {
      what: 'a file that the config names and is not there',
      code: 'config',
      level: 'fault',
      plant: (copy) => rm(join(copy.folder, 'tls-key.pem')),
    },
    {
      what: 'a secret that others may read',
      code: 'secret-open',
      level: 'fault',
      plant: (copy) => chmod(join(copy.data, 'recorder/log-key.pem'), 0o644),
    },
    {
      what: 'a secret that is gone',
      code: 'secret-missing',
      level: 'fault',
      plant: (copy) => rm(join(copy.data, 'egress/spool-key.pem')),
    },
    {
      what: 'a folder of the spool that is gone',
      code: 'folder-missing',
      level: 'fault',
      plant: (copy) => rm(join(copy.data, 'spool/hold'), { recursive: true }),
    },
    {
      what: 'a folder that is open to all',
      code: 'folder-open',
      level: 'fault',
      plant: (copy) => chmod(join(copy.data, 'policy'), 0o777),
    },
    {
      what: 'mail that could not be read back',
      code: 'spool-corrupt',
      level: 'warning',
      plant: (copy) => writeFile(join(copy.data, 'spool/corrupt/x'), 'x'),
    },
    {
      what: 'the key of the CA on the host',
      code: 'ca-key-here',
      level: 'warning',
      plant: async (copy) => {
        await mkdir(join(copy.data, 'ca'));
        await writeFile(join(copy.data, 'ca/ca-key.pem'), 'x');
      },
    },
    {
      what: 'a private key that was changed',
      code: 'key-quarantined',
      level: 'fault',
      plant: async (copy) => {
        const file = await keyFile(copy, /^dsa.*sealed$/);
        const text = await readFile(file, 'utf8');
        await writeFile(file, text.slice(0, text.length - 20), { mode: 0o600 });
      },
    },
    {
      what: 'another seal credential',
      code: 'key-quarantined',
      level: 'fault',
      plant: (copy) =>
        writeFile(join(copy.data, 'keyholder/seal-credential'), 'x'.repeat(44), { mode: 0o600 }),
    },
    {
      what: 'a seal that systemd has not handed over',
      code: 'key-seal-away',
      level: 'warning',
      plant: (copy) =>
        copy.config((config) => {
          const credentialFile = '/run/credentials/sallyport-keyholder.service/key-seal';
          config['keys'] = { seal: { kind: 'credential', credentialFile } };
        }),
    },
    {
      what: 'a domain without its signing key',
      code: 'key-missing',
      level: 'fault',
      plant: async (copy) => rm(await keyFile(copy, /^dsa.*json$/)),
    },
    {
      what: 'certificates that ended',
      code: 'certificate-ended',
      level: 'fault',
      now: later(900),
    },
    {
      what: 'certificates that end soon',
      code: 'certificate-ends',
      level: 'warning',
      now: later(810),
    },
    {
      what: 'a clock before the certificates',
      code: 'certificate-not-yet',
      level: 'fault',
      now: later(-10),
    },
    {
      what: 'a revocation list that ended',
      code: 'crl-ended',
      level: 'fault',
      plant: async (copy) => {
        await mkdir(join(copy.data, 'ca'));
        const list = { crlNumber: 1, nextUpdate: later(-1).toISOString(), revoked: [] };
        await writeFile(join(copy.data, 'ca/revocations.json'), JSON.stringify(list));
      },
    },
    {
      what: 'a TLS key of another certificate',
      code: 'tls-mismatch',
      level: 'fault',
      plant: (copy) => {
        const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
        return writeFile(
          join(copy.folder, 'tls-key.pem'),
          privateKey.export({ type: 'pkcs8', format: 'pem' }),
        );
      },
    },
    {
      what: 'a TLS certificate that is none',
      code: 'tls-unreadable',
      level: 'fault',
      plant: (copy) => writeFile(join(copy.folder, 'tls.pem'), 'nothing'),
    },
    {
      what: 'a TLS certificate for another name',
      code: 'tls-name',
      level: 'warning',
      plant: (copy) =>
        copy.config((config) => {
          config.gateway.name = 'other.acme.example';
        }),
    },
    {
      what: 'no policy',
      code: 'policy-missing',
      level: 'fault',
      plant: (copy) => rm(join(copy.data, 'policy'), { recursive: true }),
    },
    {
      what: 'a level that needs a trusted resolver',
      code: 'level-impossible',
      level: 'fault',
      plant: (copy) =>
        copy.policy({
          partners: [{ name: 'b', domains: ['b.example'], tls: { level: 'dane-only' } }],
        }),
    },
    {
      what: 'an agreement that ended',
      code: 'agreement-ended',
      level: 'fault',
      plant: (copy) => copy.policy(withAgreement('2026-01-31')),
    },
    {
      what: 'an agreement that ends soon',
      code: 'agreement-ends',
      level: 'warning',
      plant: (copy) => copy.policy(withAgreement(later(10).toISOString().slice(0, 10))),
    },
    {
      what: 'an edited log',
      code: 'audit-damaged',
      level: 'fault',
      plant: (copy) =>
        writeLog(copy, { edit: (text) => text.replace('service-started', 'service-stopped') }),
    },
    {
      what: 'a torn tail of the log',
      code: 'audit-torn',
      level: 'warning',
      plant: (copy) =>
        writeLog(copy, {
          tail: formatLeafLine(
            leafOf(
              { kind: 'service-started', service: 'x' },
              { index: 1, time: new Date(), salt: () => '' },
            ),
          ),
        }),
    },
    {
      what: 'a log of another key',
      code: 'audit-key',
      level: 'fault',
      plant: async (copy) => {
        await writeLog(copy);
        const { privateKey } = generateKeyPairSync('ed25519');
        await writeFile(
          join(copy.data, 'recorder/log-key.pem'),
          privateKey.export({ type: 'pkcs8', format: 'pem' }),
          { mode: 0o600 },
        );
      },
    },
    {
      what: 'a log that ends in the future',
      code: 'clock-behind',
      level: 'fault',
      plant: (copy) => writeLog(copy, { time: later(1) }),
    },
    {
      what: 'a file from the future',
      code: 'clock-behind',
      level: 'fault',
      plant: (copy) => utimes(join(copy.data, 'policy'), later(2), later(2)),
    },
    {
      what: 'a port that another program has',
      code: 'port-taken',
      level: 'fault',
      plant: (copy) => copy.listen({ port: gateway.partner.port }, '220 someone else\r\n'),
    },
    {
      what: 'figures that everybody on the Internet can read',
      code: 'monitor-open',
      level: 'warning',
      plant: (copy) =>
        copy.config((config) => {
          config['monitor'] = { listen: ['0.0.0.0:9464'] };
        }),
    },
    {
      what: 'a key of TLS that systemd has not handed over',
      code: 'tls-key-away',
      level: 'warning',
      plant: (copy) =>
        copy.config((config) => {
          config.ingress['tls'] = {
            certificateFile: 'tls.pem',
            keyFile: '/run/credentials/sallyport-ingress.service/tls-key.pem',
          };
        }),
    },
    {
      what: 'a log whose key is no key',
      code: 'audit-unreadable',
      level: 'fault',
      plant: (copy) => writeFile(join(copy.data, 'audit', LOG_KEY_FILE), 'nothing'),
    },
    {
      what: 'a config that leaves nothing to look at',
      code: 'rest-not-known',
      level: 'warning',
      plant: (copy) => writeFile(copy.configFile, 'gateway: ['),
    },
    {
      what: 'an address of another host',
      code: 'address-absent',
      level: 'fault',
      plant: (copy) =>
        copy.config((config) => {
          config.ingress.partner.listen = ['192.0.2.7:2525'];
        }),
    },
    {
      what: 'one process that answers, and others that do not',
      code: 'process-silent',
      level: 'fault',
      plant: async (copy) => {
        await mkdir(join(copy.folder, 'r/outward'), { recursive: true });
        await copy.listen({ path: join(copy.folder, 'r/outward/socket') });
      },
    },
  ];

  test('a sound gateway has no fault, and nothing is changed by looking', async () => {
    await using copy = await copyOf();
    await writeLog(copy);
    const tree = async (): Promise<string[]> =>
      (await readdir(copy.folder, { recursive: true })).sort();
    const before = await tree();
    const findings = await lookAt(copy, { offline: true });
    const faults = findings.filter(({ level }) => level === 'fault');
    assert.deepEqual(faults, []);
    assert.deepEqual(await tree(), before);
  });

  for (const plant of PLANTS) {
    test(`found: ${plant.what}`, async () => {
      await using copy = await copyOf();
      await assertFound(plant, copy, { offline: true });
    });
  }

  test('the command: a sentence and what to do, exit code 1 for a fault alone', async () => {
    await using copy = await copyOf();
    const doctor = ['doctor', '--offline', '--config', copy.configFile];
    const sound = await sallyport(...doctor);
    assert.equal(sound.code, 0, String(sound.stdout));
    assert.match(String(sound.stdout), /^no faults, \d warnings?\.$/m);
    await chmod(join(copy.data, 'recorder/log-key.pem'), 0o644);
    const ill = await sallyport(...doctor);
    assert.equal(ill.code, 1);
    assert.match(
      String(ill.stdout),
      /^FAULT {4}secrets: .*may be read by others.*\n {9}→ chmod 600 /m,
    );
    const json = await sallyport(...doctor, '--json');
    assert.equal(json.code, 1);
    const told = JSON.parse(String(json.stdout)) as { ok: boolean; findings: Finding[] };
    assert.equal(told.ok, false);
    assert.ok(told.findings.some(({ code }) => code === 'secret-open'));
  });
});
