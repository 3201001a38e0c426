import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { makeCa, type TestCa } from '../harness/ca.ts';
import { type Dns, startDns } from '../harness/dns.ts';
import { assertFound, copies, type GatewayCopy, lookAt, type Plant } from '../harness/doctor.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, makeGateway } from '../harness/gateway.ts';
import { type HttpsCollector, startHttpsCollector } from '../harness/head-collectors.ts';
import { freePort } from '../harness/ports.ts';
import { politeScript, startScriptedServer } from '../harness/scripted-server.ts';

const DAY_MS = 86_400_000;
const later = (days: number): Date => new Date(Date.now() + days * DAY_MS);

function withAlerts(config: Record<string, unknown>, { mail }: { mail: boolean }): void {
  const nobody = '127.0.0.1:9';
  const alerts = mail
    ? { mail: { to: ['a@acme.example'], from: 'b@acme.example', via: nobody } }
    : { webhook: { url: `https://${nobody}/hook` } };
  config['monitor'] = { listen: ['127.0.0.1:9464'], alerts };
}

describe('doctor finds what is wrong out there', () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let dns: Dns;
  let ca: TestCa;
  let https: HttpsCollector;
  let copyOf: () => Promise<GatewayCopy>;

  before(async () => {
    const inner = stack.use(await startScriptedServer(politeScript()));
    const records = ['@ IN MX 10 gw', 'gw IN A 127.0.0.1'];
    dns = stack.use(await startDns([{ name: 'acme.example', records }]));
    ca = await makeCa(stack.use(await temporaryFolder('ca')).path);
    https = stack.use(await startHttpsCollector(await ca.issueServer('heads', ['localhost'])));
    const ports = { innerPort: inner.port, dnsPort: dns.port, egressPort: await freePort() };
    gateway = stack.use(await makeGateway({ domain: 'acme.example', ...ports }));
    await gateway.setPolicy({ partners: [] });
    copyOf = await copies(gateway, stack);
  });
  after(() => stack.disposeAsync());

  const PLANTS: readonly Plant[] = [
    {
      what: 'a resolver that is away',
      code: 'resolver-silent',
      level: 'fault',
      plant: async (copy) => {
        const port = await freePort();
        await copy.config((config) => {
          config['dns'] = { servers: [`127.0.0.1:${port}`] };
        });
      },
    },
    {
      what: 'a trusted resolver on another host',
      code: 'resolver-far',
      level: 'warning',
      plant: (copy) =>
        copy.config((config) => {
          config['dns'] = {
            servers: [`127.0.0.1:${dns.port}`, '[::ffff:7f00:1]:9'],
            trusted: true,
          };
        }),
    },
    {
      what: 'a record that is not published',
      code: 'record-missing',
      level: 'fault',
    },
    {
      what: 'a scanner that is away',
      code: 'scanner-silent',
      level: 'fault',
      plant: async (copy) => {
        const port = await freePort();
        await copy.config((config) => {
          config['scanner'] = { clamd: { address: `127.0.0.1:${port}` } };
        });
      },
    },
    {
      what: 'a scanner that is none',
      code: 'scanner-silent',
      level: 'fault',
      plant: async (copy) => {
        const port = await freePort();
        await copy.listen({ port });
        await copy.config((config) => {
          config['scanner'] = { clamd: { address: `127.0.0.1:${port}` } };
        });
      },
    },
    {
      what: 'a Redis that is away',
      code: 'redis-silent',
      level: 'fault',
      plant: async (copy) => {
        await writeFile(
          join(copy.folder, 'redis-url'),
          `redis://:hunter2@127.0.0.1:${await freePort()}/0\n`,
          { mode: 0o600 },
        );
        await copy.config((config) => {
          config['queue'] = { driver: 'redis', urlFile: 'redis-url' };
        });
      },
    },
    {
      what: 'a URL of Redis that is none',
      code: 'redis-url',
      level: 'fault',
      plant: async (copy) => {
        await writeFile(join(copy.folder, 'redis-url'), 'localhost\n', { mode: 0o600 });
        await copy.config((config) => {
          config['queue'] = { driver: 'redis', urlFile: 'redis-url' };
        });
      },
    },
    {
      what: 'a directory that is away',
      code: 'ldap-silent',
      level: 'fault',
      plant: async (copy) => {
        const port = await freePort();
        await copy.config((config) => {
          config['lookup'] = { ldapServers: [{ url: `ldaps://127.0.0.1:${port}` }] };
        });
      },
    },
    {
      what: 'an inner MTA that is away',
      code: 'hop-silent',
      level: 'fault',
      plant: async (copy) => {
        const port = await freePort();
        await copy.config((config) => {
          config['routes'] = [
            { domain: 'acme.example', nextHops: [`127.0.0.1:${port}`], tls: { level: 'may' } },
          ];
        });
      },
    },
    {
      what: 'an inner MTA without the TLS that its route demands',
      code: 'hop-without-tls',
      level: 'fault',
      plant: async (copy) => {
        const port = await freePort();
        await copy.listen({ port }, '220 inner\r\n');
        await copy.config((config) => {
          config['routes'] = [
            { domain: 'acme.example', nextHops: [`127.0.0.1:${port}`], tls: { level: 'encrypt' } },
          ];
        });
      },
    },
    {
      what: 'an inner MTA that refuses us',
      code: 'hop-refuses',
      level: 'fault',
      plant: async (copy) => {
        const port = await freePort();
        await copy.listen({ port }, '554 5.7.1 go away\r\n');
        await copy.config((config) => {
          config['routes'] = [
            { domain: 'acme.example', nextHops: [`127.0.0.1:${port}`], tls: { level: 'may' } },
          ];
        });
      },
    },
    {
      what: 'nobody who takes the alerts by mail',
      code: 'alerts-silent',
      level: 'warning',
      plant: (copy) => copy.config((config) => withAlerts(config, { mail: true })),
    },
    {
      what: 'nobody who takes the alerts by HTTPS',
      code: 'alerts-silent',
      level: 'warning',
      plant: (copy) => copy.config((config) => withAlerts(config, { mail: false })),
    },
    {
      what: 'no place for copies of the log',
      code: 'ship-silent',
      level: 'fault',
      plant: (copy) =>
        copy.config((config) => {
          config['audit'] = { ship: [{ kind: 'file', path: '/nowhere/heads' }] };
        }),
    },
    {
      what: 'a clock that another host does not share',
      code: 'clock-off',
      level: 'fault',
      now: later(1),
      plant: (copy) =>
        copy.config((config) => {
          config['audit'] = {
            ship: [
              {
                kind: 'https',
                url: `https://localhost:${https.port}/`,
                anchorsFile: ca.certificateFile,
              },
            ],
          };
        }),
    },
  ];

  for (const plant of PLANTS) {
    test(`found: ${plant.what}`, async () => {
      await using copy = await copyOf();
      await assertFound(plant, copy, { offline: false });
    });
  }

  test('who does not greet is not spoken to: a filter holds it against early talkers', async () => {
    await using copy = await copyOf();
    const port = await freePort();
    const heard: string[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        heard.push(String(chunk));
        socket.write('250 me\r\n');
      });
      setTimeout(() => {
        heard.push('greeted');
        socket.write('220-one moment\r\n220 inner\r\n');
      }, 100);
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    await copy.config((config) => {
      config['routes'] = [
        { domain: 'acme.example', nextHops: [`127.0.0.1:${port}`], tls: { level: 'may' } },
      ];
    });
    const codes = (await lookAt(copy, { offline: false })).map(({ code }) => code);
    server.close();
    assert.ok(!codes.some((code) => code.startsWith('hop-')), codes.join());
    assert.deepEqual(heard.slice(0, 2), ['greeted', 'EHLO gw.acme.example\r\n']);
  });

  test('what a running gateway has is its own', async () => {
    await gateway.start();
    const sound = await lookAt(gateway, { offline: true });
    const codes = sound.filter(({ level }) => level !== 'warning').map(({ code }) => code);
    assert.ok(codes.includes('processes') && codes.includes('ports'), JSON.stringify(sound));
    assert.ok(codes.includes('audit'), 'a log that is being written is whole');
    assert.ok(sound.every(({ level }) => level !== 'fault'));
    await gateway.stop();
  });
});
