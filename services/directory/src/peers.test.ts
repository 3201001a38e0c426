import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Certificate } from '@sallyport/pki';
import { Client } from 'ldapts';
import { makeIdentity, publishAuthorities, publishUsers } from './test-identity.ts';
import { BASE, type Running, start } from './testing.ts';

const noLdapsearch = existsSync('/usr/bin/ldapsearch')
  ? false
  : 'package ldap-utils is not installed';
const identity = makeIdentity();
const ada = identity.certify('Ada@bravo.example', { cn: 'Ada' });
const lee = identity.certify('lee@elsewhere.example', { cn: 'Lee' });

describe('the directory and its peers', () => {
  let running: Running;
  let authorities: { confidentiality: Certificate; signing: Certificate };
  before(async () => {
    running = await start({
      tls: identity.tls,
      limits: { searchesPerMinute: 10_000 },
      options: { substitute: ['bravo.example'] },
      prepare: async (folder) => {
        await writeFile(join(folder, 'ca.pem'), identity.caPem);
        authorities = await publishAuthorities(folder, identity);
        await publishUsers(folder, [
          ['ada@bravo.example', ada],
          ['lee@elsewhere.example', lee],
        ]);
      },
    });
  });
  after(() => running.stop());

  /** Certificates by OpenLDAP's own client. */
  const search = (filter: string, ...args: string[]) => {
    const ran = spawnSync(
      '/usr/bin/ldapsearch',
      ['-x', '-LLL', '-o', 'ldif-wrap=no', ...args, '-b', BASE, filter],
      {
        timeout: 10_000,
        encoding: 'utf8',
        env: { LDAPTLS_CACERT: join(running.folder, 'ca.pem') },
      },
    );
    const values = [...ran.stdout.matchAll(/^userCertificate;binary:: (\S+)$/gm)];
    return {
      code: ran.status,
      text: ran.stdout,
      error: ran.stderr,
      certificates: values.map((match) => match[1] ?? ''),
    };
  };
  const plain = (): string[] => ['-H', `ldap://127.0.0.1:${running.port}`];
  const base64 = (certificate: Certificate): string => certificate.der.toString('base64');

  test('ldapsearch finds a user in clear, by StartTLS and by LDAPS', { skip: noLdapsearch }, () => {
    const ways = [
      plain(),
      ['-ZZ', '-H', `ldap://127.0.0.1:${running.port}`],
      ['-H', `ldaps://127.0.0.1:${running.ldaps}`],
    ];
    for (const way of ways) {
      const found = search('(mail=ADA@bravo.example)', ...way);
      assert.deepEqual(found.certificates, [base64(ada)], `${way.join(' ')} ${found.error}`);
      assert.match(found.text, /^cn: Ada$/m);
      assert.match(found.text, /^mail: ada@bravo\.example$/m);
      assert.deepEqual(
        [...found.text.matchAll(/^([A-Za-z;]+):/gm)].map((match) => match[1]).sort(),
        ['cn', 'dn', 'mail', 'userCertificate;binary'],
      );
    }
  });

  test('RFC 4511 4.5.1: types only, a size limit and no attributes are heeded', {
    skip: noLdapsearch,
  }, () => {
    const typesOnly = search('(mail=ada@bravo.example)', ...plain(), '-A');
    assert.match(typesOnly.text, /^userCertificate;binary:$/m);
    assert.deepEqual(typesOnly.certificates, []);
    const either = '(|(mail=ada@bravo.example)(mail=domain-signing-authority@bravo.example))';
    assert.equal(search(either, ...plain()).certificates.length, 2);
    const limited = search(either, ...plain(), '-z', '1');
    // RFC 4511 appendix A: sizeLimitExceeded.
    assert.deepEqual([limited.certificates.length, limited.code], [1, 4]);
  });

  test('DS-E4: who has no certificate is answered with that of the domain, authorities never', {
    skip: noLdapsearch,
  }, () => {
    const bob = search('(mail=bob@bravo.example)', ...plain());
    assert.deepEqual(bob.certificates, [base64(authorities.confidentiality)]);
    assert.match(bob.text, /^mail: bob@bravo\.example$/m);
    const odd = search('(mail="a,b+c"@bravo.example)', ...plain());
    assert.match(odd.text, /^dn: mail=\\"a\\,b\\\+c\\"@bravo\.example,dc=bravo,dc=example$/m);
    for (const none of [
      'review-authority@bravo.example',
      'bob@elsewhere.example',
      'bob@sub.bravo.example',
      '@bravo.example',
    ]) {
      assert.deepEqual(search(`(mail=${none})`, ...plain()).certificates, [], none);
    }
    const lees = search('(mail=lee@elsewhere.example)', ...plain());
    assert.deepEqual(lees.certificates, [base64(lee)]);
  });

  test('CD-8: what could list answers with nothing, and says so as for an empty find', {
    skip: noLdapsearch,
  }, () => {
    const listing = [
      '(mail=*)',
      '(mail=a*)',
      '(mail>=a)',
      '(mail~=ada@bravo.example)',
      '(mail:caseExactMatch:=ada@bravo.example)',
      '(objectClass=*)',
      '(cn=Ada)',
      '(!(mail=x@bravo.example))',
      '(|(mail=ada@bravo.example)(cn=*))',
      '(&)',
    ];
    for (const filter of listing) {
      const found = search(filter, ...plain());
      assert.deepEqual([found.code, found.text], [0, ''], filter);
    }
  });

  test('ldapts binds, upgrades by StartTLS, reads the rootDSE and a certificate', async () => {
    const client = new Client({ url: `ldap://127.0.0.1:${running.port}`, timeout: 10_000 });
    const root = async () =>
      (await client.search('', { scope: 'base', filter: '(objectClass=*)' })).searchEntries[0];
    assert.equal((await root())?.['supportedExtension'], '1.3.6.1.4.1.1466.20037');
    await client.startTLS({ ca: identity.caPem, servername: 'localhost' });
    await client.bind('', '');
    const dse = await root();
    assert.equal(dse?.['namingContexts'], BASE);
    assert.equal(dse?.['supportedLDAPVersion'], '3');
    // RFC 4511 section 4.14.1: not twice on one connection.
    assert.equal(dse?.['supportedExtension'], undefined);
    for (const attribute of ['userCertificate;binary', 'userCertificate', '2.5.4.36;binary']) {
      const { searchEntries } = await client.search(BASE, {
        scope: 'sub',
        filter: '(&(mail=ada@bravo.example)(userCertificate=*))',
        attributes: [attribute],
        explicitBufferAttributes: ['userCertificate;binary'],
      });
      // RFC 4523 section 2.1: certificates travel as ;binary, however they were asked for.
      assert.deepEqual(searchEntries[0]?.['userCertificate;binary'], ada.der, attribute);
    }
    await client.unbind();
  });
});
