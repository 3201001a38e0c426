/** Whom a message shows as its author, and whom its signature stands for (Johnny classes I and W). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CAST } from '../../harness/smime-identities.ts';
import {
  clear,
  DOMAIN,
  message,
  opaque,
  type Signing,
  textPart,
} from '../../harness/smime-maker.ts';
import { assertNotBelieved, isBelieved, outcomesOf } from './expect.ts';

const text = textPart('pay Eve');
/** Eve has a good certificate of the same public CA, in her own name and for her own domain. */
const EVE: readonly Signing[] = [{ who: CAST.eve }, { who: CAST.eveDsa, ...DOMAIN }];
const encodedB = (words: string): string => `=?utf-8?b?${Buffer.from(words).toString('base64')}?=`;
const octets = (words: string): string => Buffer.from(words).toString('latin1');

const HEADERS: readonly (readonly [string, string])[] = [
  ['the author alone', 'From: bob@bravo.example\n'],
  ['both, the author first', 'From: bob@bravo.example, eve@evil.example\n'],
  ['both, Eve first', 'From: eve@evil.example, bob@bravo.example\n'],
  ['both, with a Sender', 'From: bob@bravo.example, eve@evil.example\nSender: eve@evil.example\n'],
  ['the author, Eve as Sender', 'From: bob@bravo.example\nSender: eve@evil.example\n'],
  ['Eve, the author as Sender', 'From: eve@evil.example\nSender: bob@bravo.example\n'],
  [
    'two Sender fields',
    'From: eve@evil.example\nSender: eve@evil.example\nSender: bob@bravo.example\n',
  ],
  ['two From fields', 'From: eve@evil.example\nFrom: bob@bravo.example\n'],
  ['two From fields, turned', 'From: bob@bravo.example\nFrom: eve@evil.example\n'],
  ['two From fields of other case', 'From: eve@evil.example\nFROM: bob@bravo.example\n'],
  ['a From with a blank before the colon', 'From: eve@evil.example\nFrom : bob@bravo.example\n'],
  ['a folded From', 'From: eve@evil.example,\n bob@bravo.example\n'],
  ['a quoted address as name', 'From: "bob@bravo.example" <eve@evil.example>\n'],
  ['an address as name, and words', 'From: "Bob <bob@bravo.example>" <eve@evil.example>\n'],
  ['an address as name, unquoted', 'From: bob@bravo.example <eve@evil.example>\n'],
  [
    'an address and many blanks',
    `From: "bob@bravo.example${' '.repeat(200)}" <eve@evil.example>\n`,
  ],
  ['an encoded address, Q', 'From: =?utf-8?q?bob=40bravo.example?= <eve@evil.example>\n'],
  ['an encoded address, B', `From: ${encodedB('bob@bravo.example')} <eve@evil.example>\n`],
  [
    'an encoded address in two words',
    `From: ${encodedB('bob@bra')} ${encodedB('vo.example')} <eve@evil.example>\n`,
  ],
  [
    'an encoded address, folded',
    `From: ${encodedB('bob@bra')}\n ${encodedB('vo.example')} <eve@evil.example>\n`,
  ],
  [
    'an encoded address in Latin-1',
    'From: =?iso-8859-1?q?bob=40bravo.example?= <eve@evil.example>\n',
  ],
  [
    'an encoded address with a language',
    'From: =?utf-8*en?q?bob=40bravo.example?= <eve@evil.example>\n',
  ],
  [
    'an encoded address in brackets',
    `From: ${encodedB('Bob <bob@bravo.example>')} <eve@evil.example>\n`,
  ],
  ['a full-width at sign', `From: ${encodedB('bob＠bravo.example')} <eve@evil.example>\n`],
  ['a full-width at sign in UTF-8', octets('From: "bob＠bravo.example" <eve@evil.example>\n')],
  ['a comment before', 'From: (bob@bravo.example) eve@evil.example\n'],
  ['a comment after', 'From: eve@evil.example (bob@bravo.example)\n'],
  ['a nested comment', 'From: eve@evil.example (by (bob@bravo.example))\n'],
  ['a comment that does not end', 'From: eve@evil.example (bob@bravo.example\n'],
  ['a group of both', 'From: team: bob@bravo.example, eve@evil.example;\n'],
  ['a group with the name of the author', 'From: "bob@bravo.example": eve@evil.example;\n'],
  ['an unquoted group name', 'From: bob@bravo.example: eve@evil.example;\n'],
  ['an empty group, then Eve', 'From: bob@bravo.example:; , eve@evil.example\n'],
  ['a source route', 'From: <@evil.example:bob@bravo.example>\n'],
  ['a percent hack', 'From: <bob@bravo.example@evil.example>\n'],
  ['an angle too many', 'From: <bob@bravo.example> <eve@evil.example>\n'],
  ['a quoted local-part', 'From: "bob@bravo.example"@evil.example, bob@bravo.example\n'],
  [
    'a display name in Sender',
    'From: eve@evil.example\nSender: "bob@bravo.example" <eve@evil.example>\n',
  ],
  ['a NUL in the address', 'From: bob@bravo.example\0 <eve@evil.example>\n'],
  ['no From at all', 'Subject: pay\n'],
  ['an empty From', 'From: \n'],
  ['the author in Resent-From alone', 'Resent-From: bob@bravo.example\n'],
];

describe('SM-6, DS-N10: the signature of Eve never makes a message one of the author', () => {
  for (const [name, header] of HEADERS) {
    test(name, async () => {
      for (const signing of EVE) {
        for (const entity of [clear(text, [signing]), opaque(text, [signing])]) {
          await assertNotBelieved(message(header, entity), name, { mayMismatch: true });
        }
      }
    });
  }
});

describe('SM-6, SM-12: the protected From counts as much as the outer one', () => {
  const PAIRS: readonly (readonly [string, string])[] = [
    ['From: bob@bravo.example\n', 'From: eve@evil.example\n'],
    ['From: eve@evil.example\n', 'From: bob@bravo.example\n'],
    ['From: eve@evil.example\n', 'From: "bob@bravo.example" <eve@evil.example>\n'],
    ['From: eve@evil.example\n', 'From: eve@evil.example\nFrom: bob@bravo.example\n'],
    ['From: eve@evil.example\n', 'From: eve@evil.example\nSender: bob@bravo.example\n'],
    ['From: eve@evil.example\nSender: bob@bravo.example\n', 'From: eve@evil.example\n'],
  ];
  for (const [outer, inner] of PAIRS) {
    const name = `${outer} around ${inner}`.replaceAll('\n', ' ');
    test(name, async () => {
      for (const signing of EVE) {
        const inside = textPart('pay Eve', inner);
        const wrapped = Buffer.concat([
          Buffer.from('Content-Type: message/rfc822\r\n\r\n'),
          textPart('pay Eve', inner),
        ]);
        for (const entity of [inside, wrapped]) {
          for (const made of [clear(entity, [signing]), opaque(entity, [signing])]) {
            const outcomes = await outcomesOf(message(outer, made));
            for (const { judgement, delivered } of outcomes) {
              if (judgement.kind === 'malformed') continue;
              const { verdict } = judgement;
              // A forwarded message inside, by whomever, is content: Eve may sign that.
              const isForward = entity === wrapped && verdict.mapping === 'ok';
              if (!isForward) assert.ok(!isBelieved(verdict), verdict.reason);
              const shown = /^From: [^\n]*$/m.exec(delivered)?.[0] ?? '';
              if (isBelieved(verdict)) assert.doesNotMatch(shown, /bob@bravo\.example/);
            }
          }
        }
      }
    });
  }
});

test('positive control: in her own name Eve is believed, with any harmless display name', async () => {
  for (const header of [
    'From: eve@evil.example\n',
    'From: Eve <eve@evil.example>\n',
    'From: "Eve, of evil.example" <eve@evil.example>\n',
    'From: "eve@evil.example" <eve@evil.example>\n',
    'From: Eve (at work) <eve@evil.example>\nSender: eve@evil.example\n',
    `From: ${encodedB('Ève @ work')} <eve@evil.example>\n`,
  ]) {
    for (const signing of EVE) {
      for (const { judgement } of await outcomesOf(message(header, clear(text, [signing])))) {
        assert.ok(judgement.kind === 'judged' && isBelieved(judgement.verdict), header);
      }
    }
  }
});

test('what a partner is trusted for is not what its display name says', async () => {
  const header = 'From: "bob@bravo.example" <eve@evil.example>\n';
  const outcomes = await assertNotBelieved(
    message(header, clear(text, [{ who: CAST.eve }])),
    header,
    {
      mayMismatch: true,
    },
  );
  for (const { judgement } of outcomes) {
    assert.ok(judgement.kind === 'judged');
    assert.equal(judgement.verdict.fault, 'signer-mismatch');
    assert.match(judgement.verdict.reason, /shows bob@bravo\.example/);
  }
});
